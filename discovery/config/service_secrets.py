"""Look up every secret that the `service` section refers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from discovery.config.notify import read_authorization, read_webhook
from discovery.config.page import TokenPage, read_token
from discovery.config.secrets import SecretError
from discovery.config.service import Service


def check_secrets(service: Service, environ: Mapping[str, str]) -> None:
    """Check that every secret is there and fit for its use. Raises: SecretError, of the first."""
    for problem in secret_problems(service, environ).values():
        if problem is not None:
            raise problem


def secret_problems(service: Service, environ: Mapping[str, str]) -> dict[str, SecretError | None]:
    """Look up each secret: what is wrong with it, by its reference; None where nothing is."""
    return dict(_problems(service, environ))


def _problems(
    service: Service, environ: Mapping[str, str]
) -> Iterator[tuple[str, SecretError | None]]:
    reading = [(sink.webhook, read_webhook) for sink in service.notify]
    reading += [
        (sink.authorization, read_authorization)
        for sink in service.notify
        if sink.authorization is not None
    ]
    if isinstance(service.page, TokenPage):
        reading.append((service.page.bearer, read_token))
    for reference, read in reading:
        try:
            read(reference, environ)
        except SecretError as error:
            yield reference, error
        else:
            yield reference, None
