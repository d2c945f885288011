"""Errors that the simulated AWS answers, and how each protocol spells them.

A service raises `ModeledError` with the name of an error in botocore's model, whose wire code and
HTTP status come from there. What no model lists (signatures, permissions, throttling) is a
`CommonError`; its code differs per protocol (aws/README: Errors).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class ProtocolFamily(Enum):
    """Wire protocols that share the codes of common errors."""

    QUERY = "query"
    EC2 = "ec2"
    JSON = "json"
    REST_XML = "rest-xml"


class CommonErrorKind(Enum):
    """An error that every service may answer."""

    UNSIGNED = "unsigned"
    CLOCK_SKEW = "clock skew"
    UNKNOWN_KEY = "unknown key"
    BAD_SIGNATURE = "bad signature"
    EXPIRED = "expired"
    REGION_OFF = "region off"
    DENIED = "denied"
    THROTTLED = "throttled"
    UNKNOWN_ACTION = "unknown action"
    MALFORMED = "malformed"
    MISSING_MEMBER = "missing member"
    INVALID_MEMBER = "invalid member"
    INTERNAL = "internal"


class AwsError(Exception):
    """An error answer; `code`, `message` and `status` stand on the wire as given."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class ModeledError(Exception):
    """An error of the service's model, by the name of its shape."""

    def __init__(self, shape: str, message: str) -> None:
        super().__init__(f"{shape}: {message}")
        self.shape = shape
        self.message = message


class CommonError(Exception):
    """An error whose code depends on the protocol; an empty message means AWS's usual words."""

    def __init__(self, kind: CommonErrorKind, message: str = "") -> None:
        super().__init__(message or kind.value)
        self.kind = kind
        self.message = message


@dataclass(frozen=True, slots=True)
class WireError:
    """Code, HTTP status and usual message of a common error in one protocol."""

    code: str
    status: int
    message: str


_NOT_VALID = "The security token included in the request is invalid."
_EXPIRED = "The security token included in the request is expired"
_NOT_SIGNED = "Request is missing Authentication Token"
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details."
)
_EC2_CREDENTIALS = "AWS was not able to validate the provided access credentials"

WIRE_ERRORS: Mapping[ProtocolFamily, Mapping[CommonErrorKind, WireError]] = {
    ProtocolFamily.QUERY: {
        CommonErrorKind.UNSIGNED: WireError("MissingAuthenticationToken", 403, _NOT_SIGNED),
        CommonErrorKind.CLOCK_SKEW: WireError("SignatureDoesNotMatch", 403, "Signature expired"),
        CommonErrorKind.UNKNOWN_KEY: WireError("InvalidClientTokenId", 403, _NOT_VALID),
        CommonErrorKind.BAD_SIGNATURE: WireError("SignatureDoesNotMatch", 403, _MISMATCH),
        CommonErrorKind.EXPIRED: WireError("ExpiredToken", 403, _EXPIRED),
        CommonErrorKind.REGION_OFF: WireError("InvalidClientTokenId", 403, _NOT_VALID),
        CommonErrorKind.DENIED: WireError("AccessDenied", 403, "Access denied"),
        CommonErrorKind.THROTTLED: WireError("Throttling", 400, "Rate exceeded"),
        CommonErrorKind.UNKNOWN_ACTION: WireError("InvalidAction", 400, "Could not find operation"),
        CommonErrorKind.MALFORMED: WireError("MalformedInput", 400, "The input could not be read"),
        CommonErrorKind.MISSING_MEMBER: WireError(
            "MissingParameter", 400, "A parameter is missing"
        ),
        CommonErrorKind.INVALID_MEMBER: WireError("InvalidParameterValue", 400, "Invalid value"),
        CommonErrorKind.INTERNAL: WireError(
            "InternalFailure", 500, "An internal error has occurred"
        ),
    },
    ProtocolFamily.EC2: {
        CommonErrorKind.UNSIGNED: WireError("AuthFailure", 401, _EC2_CREDENTIALS),
        CommonErrorKind.CLOCK_SKEW: WireError("RequestExpired", 400, "Request has expired."),
        CommonErrorKind.UNKNOWN_KEY: WireError("AuthFailure", 401, _EC2_CREDENTIALS),
        CommonErrorKind.BAD_SIGNATURE: WireError("AuthFailure", 401, _EC2_CREDENTIALS),
        CommonErrorKind.EXPIRED: WireError("RequestExpired", 400, "Request has expired."),
        CommonErrorKind.REGION_OFF: WireError("AuthFailure", 401, _EC2_CREDENTIALS),
        CommonErrorKind.DENIED: WireError(
            "UnauthorizedOperation", 403, "You are not authorized to perform this operation."
        ),
        CommonErrorKind.THROTTLED: WireError(
            "RequestLimitExceeded", 503, "Request limit exceeded."
        ),
        CommonErrorKind.UNKNOWN_ACTION: WireError(
            "InvalidAction", 400, "The action is not valid for this web service."
        ),
        CommonErrorKind.MALFORMED: WireError("MalformedInput", 400, "The input could not be read"),
        CommonErrorKind.MISSING_MEMBER: WireError(
            "MissingParameter", 400, "A parameter is missing"
        ),
        CommonErrorKind.INVALID_MEMBER: WireError("InvalidParameterValue", 400, "Invalid value"),
        CommonErrorKind.INTERNAL: WireError("InternalError", 500, "An internal error has occurred"),
    },
    ProtocolFamily.JSON: {
        CommonErrorKind.UNSIGNED: WireError(
            "MissingAuthenticationTokenException", 400, _NOT_SIGNED
        ),
        CommonErrorKind.CLOCK_SKEW: WireError(
            "InvalidSignatureException", 400, "Signature expired"
        ),
        CommonErrorKind.UNKNOWN_KEY: WireError("UnrecognizedClientException", 400, _NOT_VALID),
        CommonErrorKind.BAD_SIGNATURE: WireError("InvalidSignatureException", 400, _MISMATCH),
        CommonErrorKind.EXPIRED: WireError("ExpiredTokenException", 400, _EXPIRED),
        CommonErrorKind.REGION_OFF: WireError("UnrecognizedClientException", 400, _NOT_VALID),
        CommonErrorKind.DENIED: WireError("AccessDeniedException", 400, "Access denied"),
        CommonErrorKind.THROTTLED: WireError("ThrottlingException", 400, "Rate exceeded"),
        CommonErrorKind.UNKNOWN_ACTION: WireError(
            "UnknownOperationException", 400, "Unknown operation"
        ),
        CommonErrorKind.MALFORMED: WireError(
            "SerializationException", 400, "The input could not be read"
        ),
        CommonErrorKind.MISSING_MEMBER: WireError(
            "ValidationException", 400, "A parameter is missing"
        ),
        CommonErrorKind.INVALID_MEMBER: WireError("ValidationException", 400, "Invalid value"),
        CommonErrorKind.INTERNAL: WireError(
            "InternalFailure", 500, "An internal error has occurred"
        ),
    },
    ProtocolFamily.REST_XML: {
        CommonErrorKind.UNSIGNED: WireError("AccessDenied", 403, "Access Denied"),
        CommonErrorKind.CLOCK_SKEW: WireError(
            "RequestTimeTooSkewed",
            403,
            "The difference between the request time and the current time is too large.",
        ),
        CommonErrorKind.UNKNOWN_KEY: WireError(
            "InvalidAccessKeyId",
            403,
            "The AWS Access Key Id you provided does not exist in our records.",
        ),
        CommonErrorKind.BAD_SIGNATURE: WireError("SignatureDoesNotMatch", 403, _MISMATCH),
        CommonErrorKind.EXPIRED: WireError("ExpiredToken", 400, "The provided token has expired."),
        CommonErrorKind.REGION_OFF: WireError(
            "InvalidAccessKeyId",
            403,
            "The AWS Access Key Id you provided does not exist in our records.",
        ),
        CommonErrorKind.DENIED: WireError("AccessDenied", 403, "Access Denied"),
        CommonErrorKind.THROTTLED: WireError("SlowDown", 503, "Please reduce your request rate."),
        CommonErrorKind.UNKNOWN_ACTION: WireError(
            "NotImplemented",
            501,
            "A header or query you provided implies functionality that is not implemented.",
        ),
        CommonErrorKind.MALFORMED: WireError("MalformedXML", 400, "The XML is not well-formed"),
        CommonErrorKind.MISSING_MEMBER: WireError("InvalidArgument", 400, "Invalid Argument"),
        CommonErrorKind.INVALID_MEMBER: WireError("InvalidArgument", 400, "Invalid Argument"),
        CommonErrorKind.INTERNAL: WireError(
            "InternalError", 500, "We encountered an internal error. Please try again."
        ),
    },
}
