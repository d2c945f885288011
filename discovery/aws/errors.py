"""Translate the SDK's exceptions. None of them passes this module.

Source: aws/README: Errors; what codes mean is in `error_codes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import errors as expat

import aiohttp
from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from discovery.aws.error_codes import meaning_of
from discovery.aws.tls import AnswerTooLarge, CaBundleError
from discovery.model import foreign_text
from discovery.model.codes import ScopeReason
from discovery.model.descriptors import exhaustion
from discovery.model.foreign_text import without_passwords

LONGEST_QUOTE = 300
"""Characters of AWS's own message that are repeated."""

_NO_CREDENTIALS = (
    sdk.CredentialRetrievalError,
    sdk.MetadataRetrievalError,
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.ProfileNotFound,
    sdk.RefreshWithMFAUnsupportedError,
    sdk.SSOError,
    sdk.TokenRetrievalError,
)
_CUT_SHORT = frozenset(
    expat.codes[text]
    for text in (
        expat.XML_ERROR_NO_ELEMENTS,
        expat.XML_ERROR_PARTIAL_CHAR,
        expat.XML_ERROR_UNCLOSED_CDATA_SECTION,
        expat.XML_ERROR_UNCLOSED_TOKEN,
    )
)


@dataclass(frozen=True, slots=True)
class AwsError:
    """Why a call, and what depends on it, failed."""

    reason: ScopeReason
    message: str
    """For a person: what failed where, and what to do next. Holds text from AWS."""
    code: str = ""
    """AWS's own error code, empty when there was no answer."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", without_passwords(self.message))


class AwsCallFailed(Exception):
    """A failed call. The only exception that leaves `discovery.aws` for one."""

    def __init__(self, error: AwsError) -> None:
        super().__init__(error.message)
        self.error = error


def malformed_response(what: str, action: str, where: str) -> AwsCallFailed:
    """Compose the error of an answer that cannot be an answer of AWS."""
    return AwsCallFailed(AwsError(ScopeReason.MALFORMED, _malformed(what, action, where)))


def aws_error_of(error: Exception, action: str, where: str) -> AwsError:
    """Translate an exception of the SDK; `action` is the IAM action that was attempted."""
    if isinstance(error, AwsCallFailed):
        return error.error
    if isinstance(error, sdk.ClientError):
        return _refusal(error, action, where)
    if isinstance(error, ResponseParserError):
        return _unreadable(error, action, where)
    if isinstance(error, sdk.BotoCoreError):
        return _without_answer(error, action, where)
    # The SDK's parsers stumble over what is well-formed and not AWS's: KeyError, ValueError …
    return AwsError(ScopeReason.MALFORMED, _malformed(quoted(repr(error)), action, where))


def unusable_endpoint(error: Exception, action: str, where: str) -> AwsError:
    """Compose the error of a request that reached nobody, or has nobody to reach."""
    return AwsError(
        ScopeReason.UNREACHABLE,
        f"{action} did not reach AWS in {where} ({quoted(str(error))}); "
        + (exhaustion(error) or "check the region's name, network, proxy and endpoint overrides"),
    )


def deadline_exceeded(action: str, where: str, limit_s: float) -> AwsError:
    """Compose the error of a call that did not end, although bytes may have come in."""
    return AwsError(
        ScopeReason.TIMEOUT,
        f"{action} in {where} was not answered to the end within {limit_s:g} s; the next sweep "
        "asks again. If it stays, look at network, proxies and endpoint overrides in between",
    )


def version_1_token(error: AwsError) -> AwsError:
    """Explain that an enabled region refuses the session, most likely for its token's version."""
    refused, _, _ = error.message.rpartition("; ")
    return AwsError(
        error.reason,
        f"{refused}; the region is enabled, so the session most likely has a version 1 token, "
        "which regions that an account can disable do not take: have the agent's credentials "
        "handed out by a regional endpoint of STS (AWS_STS_REGIONAL_ENDPOINTS=regional), or run "
        "`aws iam set-security-token-service-preferences --global-endpoint-token-version v2Token` "
        "in the account that they are of",
        error.code,
    )


def quoted(text: str) -> str:
    """Quote foreign text on one line, of bounded length, and without passwords."""
    return foreign_text.quoted(text, LONGEST_QUOTE)


def _refusal(error: sdk.ClientError, action: str, where: str) -> AwsError:
    answer = error.response.get("Error", {})
    code, said = str(answer.get("Code") or ""), str(answer.get("Message") or "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    reason, advice = meaning_of(code, said, status, action)
    answered = f"{code}: {quoted(said)}" if said else code or f"HTTP {status}"
    return AwsError(reason, f"{action} failed in {where} ({answered}); {advice}", code)


def _unreadable(error: ResponseParserError, action: str, where: str) -> AwsError:
    cause = error.__context__
    if isinstance(cause, ParseError) and cause.code in _CUT_SHORT:
        return _truncated(action, where)
    said = without_passwords(str(error)).split("\n")[0]
    return AwsError(ScopeReason.MALFORMED, _malformed(quoted(said), action, where))


def _without_answer(error: sdk.BotoCoreError, action: str, where: str) -> AwsError:
    cause = error.kwargs.get("error")
    if isinstance(cause, aiohttp.ClientPayloadError):
        return _truncated(action, where)
    if isinstance(cause, AnswerTooLarge):
        return AwsError(ScopeReason.MALFORMED, _malformed(str(cause), action, where))
    said = quoted(str(error))
    if isinstance(error, sdk.ReadTimeoutError):
        return AwsError(
            ScopeReason.TIMEOUT,
            f"{action} in {where} got no answer in time ({said}); the next sweep asks again",
        )
    if isinstance(error, _NO_CREDENTIALS):
        return AwsError(
            ScopeReason.CREDENTIALS,
            f"{action} could not be signed: the agent's credentials could not be got ({said}); "
            "give it credentials by environment, profile or instance role, as for the AWS CLI",
        )
    if isinstance(cause, CaBundleError):
        return AwsError(ScopeReason.UNREACHABLE, str(cause))
    if isinstance(error, sdk.SSLError) and "certificate verify failed" in said.lower():
        return AwsError(
            ScopeReason.UNREACHABLE,
            f"{action} in {where} met a certificate that nobody trusted here has signed ({said}); "
            "where a proxy inspects TLS, or the endpoint is your own, name its CA in "
            "AWS_CA_BUNDLE: a PEM file, or a directory of them",
        )
    if isinstance(error, sdk.ParamValidationError):  # its text may repeat a value
        return AwsError(
            ScopeReason.DENIED,
            f"{action} in {where} was not sent: a configured value has a form that AWS does not "
            "take; check role and external id",
        )
    return unusable_endpoint(error, action, where)


def _truncated(action: str, where: str) -> AwsError:
    return AwsError(
        ScopeReason.TRUNCATED,
        f"the answer to {action} in {where} was cut short; the next sweep asks again. If it "
        "stays, look at proxies in between",
    )


def _malformed(what: str, action: str, where: str) -> str:
    return (
        f"the answer to {action} in {where} makes no sense ({what}); look at proxies and endpoint "
        "overrides in between"
    )
