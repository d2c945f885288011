"""What the `service` section refers to: URLs, headers and tokens that are fit for their use."""

from __future__ import annotations

import pytest

from discovery.config.notify import NotifyFormat, NotifyKind, read_authorization, read_webhook
from discovery.config.page import PageMode, TokenPage, read_token
from discovery.config.secrets import SecretError
from discovery.config.service_secrets import check_secrets, secret_problems
from tests.support.marked_text import HEAD, read

HUSH = "HUSH"


def test_a_list_of_webhooks() -> None:
    service = read(
        f"{HEAD}service:\n  notify:\n"
        "    - {webhook: env:HOOK, authorization: file:/run/auth, on: [refused, conflict]}\n"
        "    - {webhook: env:SLACK, format: slack}\n"
    ).service
    first, second = service.notify
    assert (first.webhook, first.authorization) == ("env:HOOK", "file:/run/auth")
    assert (first.format, second.format) == (NotifyFormat.CLOUDEVENTS, NotifyFormat.SLACK)
    assert first.on == (NotifyKind.REFUSED, NotifyKind.CONFLICT)
    assert second.on == tuple(NotifyKind)


@pytest.mark.parametrize("key", ["on", '"on"'])
def test_on_needs_no_quotes_here_and_one_of_each_no_list(key: str) -> None:
    text = f"{HEAD}service: {{notify: {{webhook: env:HOOK, {key}: refused}}}}"
    assert read(text).service.notify[0].on == (NotifyKind.REFUSED,)


def test_nobody_is_told_and_nothing_is_shown_by_default() -> None:
    service = read(HEAD).service
    assert (service.notify, service.page) == ((), PageMode.NONE)
    assert read(f"{HEAD}service: {{notify: []}}").service.notify == ()


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "'[::1]:9808'", "localhost:9808"])
def test_a_page_for_this_machine_where_only_it_listens(listen: str) -> None:
    service = read(f"{HEAD}service: {{listen: {listen}, page: loopback}}").service
    assert service.page is PageMode.LOOPBACK


def test_a_page_with_a_token_listens_where_it_likes() -> None:
    service = read(f"{HEAD}service: {{listen: '*:9808', page: {{bearer: env:T}}}}").service
    assert service.page == TokenPage(bearer="env:T")


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/services/T000/B000/XXXX",
        "https://hooks.test:8443/a?b=c",
        "http://127.0.0.1:8080/x",
        "http://localhost/x",
        "http://[::1]:80/",
    ],
)
def test_urls_of_webhooks(url: str) -> None:
    assert read_webhook("env:X", {"X": url}).reveal() == url


@pytest.mark.parametrize(
    "url",
    [
        "HUSH",
        "hooks.test/HUSH",
        "http://hooks.test/HUSH",
        "http://10.0.0.1/HUSH",
        "http://127.0.0.1.hooks.test/HUSH",
        "https:///HUSH",
        "https://HUSH:secret@hooks.test/",
        "https://HUSH.test:port/",
        "https://[HUSH/",
        "https://hooks.test/HUSH HUSH",
        "https://hooks.test/HUSH\r\nX: y",
        "ftp://hooks.test/HUSH",
        "file:///HUSH",
        "https://hooks.test/HUSH\u00e9",
    ],
)
def test_what_is_no_url_of_a_webhook_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(SecretError, match="what env:X refers to is no URL of a webhook: ") as no:
        read_webhook("env:X", {"X": url})
    assert HUSH not in str(no.value)


@pytest.mark.parametrize("value", ["HUSH\nX: y", " HUSH", "HUSH\u00e9"])
def test_what_is_no_header_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(SecretError) as refused:
        read_authorization("env:X", {"X": value})
    assert HUSH not in str(refused.value)
    assert read_authorization("env:X", {"X": "Bearer HUSH"}).reveal() == "Bearer HUSH"


@pytest.mark.parametrize("value", ["HUSH", "HUSH HUSH HUSH HUSH HUSH", "HUSH" * 2000])
def test_what_is_no_token_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(SecretError) as refused:
        read_token("env:X", {"X": value})
    assert HUSH not in str(refused.value)


def test_every_reference_is_looked_up() -> None:
    service = read(
        f"{HEAD}service:\n  page: {{bearer: env:TOKEN}}\n  notify:\n"
        "    - {webhook: env:HOOK, authorization: env:AUTH}\n    - {webhook: env:GONE}\n"
    ).service
    good = {"TOKEN": "t" * 16, "HOOK": "https://hooks.test/x", "AUTH": "Bearer x"}
    problems = secret_problems(service, good)
    assert [reference for reference, problem in problems.items() if problem is None] == [
        "env:HOOK",
        "env:AUTH",
        "env:TOKEN",
    ]
    assert str(problems["env:GONE"]) == "the environment variable GONE is not set"
    with pytest.raises(SecretError, match="GONE is not set"):
        check_secrets(service, good)
    check_secrets(service, {**good, "GONE": "https://hooks.test/y"})
