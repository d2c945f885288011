"""Whatever stands between `://` and the last `@` of a quoted text is shown nowhere."""

from __future__ import annotations

import aiohttp
import pytest
from botocore import exceptions as sdk
from grpclib import GRPCError
from grpclib.const import Status
from hypothesis import given
from hypothesis import strategies as st

from discovery.aws.errors import AwsError, aws_error_of, unusable_endpoint
from discovery.cli.logs import sanitize
from discovery.cli.streams import stderr_lines
from discovery.control_plane.base import Unavailable
from discovery.control_plane.teleport.errors import Attempt, error_of_status
from discovery.model.codes import ScopeReason
from discovery.model.foreign_text import quoted, without_passwords

SECRET = "S3cret"
AROUND = st.text(alphabet=st.characters(exclude_characters="3"), max_size=400)
"""Anything, `@`, `://` and line breaks included, but for the secret's own digit."""


@st.composite
def urls(draw: st.DrawFn) -> str:
    """Text with a URL in it whose password nobody escaped."""
    scheme = draw(st.sampled_from(["http://", "https://", "socks5://", "x://", "http:\\/\\/"]))
    before, inner, after, behind = (draw(AROUND) for _ in range(4))
    return f"{before}{scheme}{inner}{SECRET}{after}@{behind}"


@given(urls())
def test_nothing_between_the_scheme_and_the_last_at_survives(text: str) -> None:
    kept = without_passwords(text)
    assert SECRET not in kept
    assert kept.endswith(f"://***@{text.rpartition('@')[2]}") or "\\/" in kept
    assert without_passwords(kept) == kept


@given(st.text(alphabet=st.characters(exclude_characters="@")))
def test_a_text_without_an_at_is_as_it_was(text: str) -> None:
    assert without_passwords(text) == text


@given(urls(), st.integers(min_value=1, max_value=500))
def test_a_cut_never_leaves_a_password(text: str, limit: int) -> None:
    line = quoted(text, limit)
    assert SECRET not in line
    assert len(line) <= limit
    assert "\n" not in line


@pytest.mark.slow
@given(urls())
def test_an_error_of_the_sdk_shows_no_password(text: str) -> None:
    errors: list[Exception] = [
        sdk.HTTPClientError(error=aiohttp.InvalidURL(text)),
        sdk.ProxyConnectionError(proxy_url=text),
        sdk.EndpointConnectionError(endpoint_url=text),
        sdk.ClientError({"Error": {"Code": "X", "Message": text}}, "Describe"),
        ValueError(text),
    ]
    for error in errors:
        assert SECRET not in aws_error_of(error, "sts:GetCallerIdentity", "1/eu-west-1").message
        assert SECRET not in unusable_endpoint(error, "sts:GetCallerIdentity", "1").message
    assert SECRET not in AwsError(ScopeReason.UNREACHABLE, text).message


@given(urls())
def test_an_error_of_the_control_plane_shows_no_password(text: str) -> None:
    attempt = Attempt(doing="creating database orders", verb="create")
    for status in Status:
        assert SECRET not in str(error_of_status(GRPCError(status, text), attempt))
    assert SECRET not in str(Unavailable(text))


@given(urls())
def test_a_log_line_shows_no_password(text: str) -> None:
    on_one_line = " ".join(text.split())
    event = {"why": on_one_line, "exception": on_one_line, "inner": {"list": [on_one_line]}}
    assert SECRET not in str(sanitize(None, "error", event))


def test_what_is_said_on_stderr_shows_no_password(capsys: pytest.CaptureFixture[str]) -> None:
    stderr_lines(("HTTPClientError: http://svc:S3cret#1@127.0.0.1:3128", "Nothing was started."))
    said = capsys.readouterr().err
    assert said == "HTTPClientError: http://***@127.0.0.1:3128\nNothing was started.\n"
