"""What each of the SDK's exceptions means."""

from __future__ import annotations

from typing import Any, cast

import aiohttp
import pytest
from botocore import exceptions as sdk
from botocore.parsers import QueryParser, ResponseParserError

from discovery.aws.errors import LONGEST_QUOTE, aws_error_of, quoted
from discovery.model.codes import ScopeReason

ACTION = "elasticache:DescribeServerlessCaches"
WHERE = "111122223333/eu-west-1"


def refusal(code: str, message: str = "no", status: int = 400) -> sdk.ClientError:
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return sdk.ClientError(response, "DescribeServerlessCaches")  # type: ignore[arg-type]


def broken_xml(body: bytes) -> ResponseParserError:
    try:
        cast("Any", QueryParser())._parse_xml_string_to_dom(body)
    except ResponseParserError as error:
        return error
    raise AssertionError(body)


REASONS = [
    (refusal("AccessDenied"), ScopeReason.DENIED),
    (refusal("AccessDeniedException"), ScopeReason.DENIED),
    (refusal("UnauthorizedOperation", status=403), ScopeReason.DENIED),
    (refusal("InvalidClientTokenId", status=403), ScopeReason.DENIED),
    (refusal("AuthFailure"), ScopeReason.DENIED),
    (refusal("RegionDisabledException", status=403), ScopeReason.DENIED),
    (refusal("Throttling", "Rate exceeded"), ScopeReason.THROTTLED),
    (refusal("RequestLimitExceeded", status=503), ScopeReason.THROTTLED),
    (refusal("ExpiredToken", status=403), ScopeReason.EXPIRED),
    (refusal("ExpiredTokenException"), ScopeReason.EXPIRED),
    (refusal("SignatureDoesNotMatch", "Signature expired: x"), ScopeReason.CLOCK_SKEW),
    (refusal("InvalidSignatureException", "Signature not yet current: x"), ScopeReason.CLOCK_SKEW),
    (refusal("SignatureDoesNotMatch", "Check your AWS Secret Access Key"), ScopeReason.DENIED),
    (refusal("InternalFailure", status=500), ScopeReason.SERVER_ERROR),
    (refusal("502", status=502), ScopeReason.SERVER_ERROR),
    (refusal("InvalidParameterValue"), ScopeReason.SERVER_ERROR),
    (refusal("QueueDoesNotExist"), ScopeReason.UNREACHABLE),
    (refusal("AWS.SimpleQueueService.NonExistentQueue"), ScopeReason.UNREACHABLE),
    (refusal("OverLimit", status=403), ScopeReason.THROTTLED),
    (refusal("RequestThrottled"), ScopeReason.THROTTLED),
    (refusal("KMS.ThrottlingException"), ScopeReason.THROTTLED),
    (refusal("KMS.AccessDeniedException"), ScopeReason.DENIED),
    (refusal("KmsDisabled"), ScopeReason.DENIED),
    (refusal("KMS.NotFoundException"), ScopeReason.DENIED),
    (sdk.ReadTimeoutError(endpoint_url="https://x"), ScopeReason.TIMEOUT),
    (sdk.ConnectTimeoutError(endpoint_url="https://x"), ScopeReason.UNREACHABLE),
    (sdk.EndpointConnectionError(endpoint_url="https://x"), ScopeReason.UNREACHABLE),
    (sdk.SSLError(endpoint_url="https://x", error=ValueError("bad")), ScopeReason.UNREACHABLE),
    (sdk.ProxyConnectionError(proxy_url="http://p"), ScopeReason.UNREACHABLE),
    (sdk.InvalidRegionError(region_name="x y"), ScopeReason.UNREACHABLE),
    (
        sdk.ConnectionClosedError(
            endpoint_url="https://x", error=aiohttp.ClientPayloadError(), request=None
        ),
        ScopeReason.TRUNCATED,
    ),
    (
        sdk.ConnectionClosedError(
            endpoint_url="https://x", error=aiohttp.ServerDisconnectedError(), request=None
        ),
        ScopeReason.UNREACHABLE,
    ),
    (broken_xml(b"<DescribeServerlessCachesResponse><Desc"), ScopeReason.TRUNCATED),
    (broken_xml(b""), ScopeReason.TRUNCATED),
    (broken_xml(b"{}"), ScopeReason.MALFORMED),
    (KeyError("DescribeServerlessCachesResult"), ScopeReason.MALFORMED),
    (ValueError("invalid literal for int()"), ScopeReason.MALFORMED),
    (sdk.NoCredentialsError(), ScopeReason.CREDENTIALS),
    (sdk.ProfileNotFound(profile="x"), ScopeReason.CREDENTIALS),
    (
        sdk.CredentialRetrievalError(provider="process", error_msg="exit 1"),
        ScopeReason.CREDENTIALS,
    ),
    (sdk.UnauthorizedSSOTokenError(), ScopeReason.CREDENTIALS),
    (sdk.ParamValidationError(report="secret"), ScopeReason.DENIED),
]


def name(value: object) -> str | None:
    if isinstance(value, sdk.ClientError):
        return value.response["Error"]["Code"]
    return type(value).__name__ if isinstance(value, Exception) else None


@pytest.mark.parametrize(("error", "reason"), REASONS, ids=name)
def test_reason(error: Exception, reason: ScopeReason) -> None:
    fault = aws_error_of(error, ACTION, WHERE)
    assert fault.reason is reason
    assert ACTION in fault.message


def test_a_denial_says_what_to_allow_and_what_aws_said() -> None:
    said = "User: arn:x is not authorized … with an explicit deny in a service control policy"
    fault = aws_error_of(refusal("AccessDenied", said), ACTION, WHERE)
    assert f"allow {ACTION}" in fault.message
    assert said in fault.message
    assert WHERE in fault.message
    assert fault.code == "AccessDenied"


def test_values_that_were_refused_before_sending_are_not_repeated() -> None:
    fault = aws_error_of(sdk.ParamValidationError(report="secret"), ACTION, WHERE)
    assert "secret" not in fault.message


def test_foreign_text_is_one_bounded_line() -> None:
    text = quoted("a\n\n b\tc" + "x" * 10_000)
    assert text.startswith("a b cx")
    assert len(text) == LONGEST_QUOTE


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("QueueDoesNotExist", "service.events.queue_url"),
        ("KMS.AccessDeniedException", "kms:Decrypt"),
        ("OverLimit", "nobody else reads the queue"),
    ],
)
def test_trouble_with_the_queue_says_what_to_do(code: str, advice: str) -> None:
    assert advice in aws_error_of(refusal(code), "sqs:ReceiveMessage", WHERE).message
