"""How the sandbox says no, and how each protocol spells it.

A service raises `Modelled` with the name of an error in botocore's model, whose wire code and
HTTP status come from there. What no model lists (signatures, permissions, throttling) is a
`Refusal`; its spelling differs per protocol (aws/README: Errors).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Dialect(Enum):
    """A family of protocols that shares the spelling of common errors."""

    QUERY = "query"
    EC2 = "ec2"
    JSON = "json"


class Refusal(Enum):
    """A reason every service may have."""

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
    """An answer that is an error; `code`, `message` and `status` stand on the wire as given."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class Modelled(Exception):
    """An error of the service's model, by the name of its shape: an answer, no failure of ours."""

    def __init__(self, shape: str, message: str) -> None:
        super().__init__(f"{shape}: {message}")
        self.shape = shape
        self.message = message


class Refused(Exception):
    """A refusal whose code depends on the protocol; an empty message means AWS's usual words."""

    def __init__(self, refusal: Refusal, message: str = "") -> None:
        super().__init__(message or refusal.value)
        self.refusal = refusal
        self.message = message


@dataclass(frozen=True, slots=True)
class Spelling:
    """One refusal in one protocol."""

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

SPELLINGS: Mapping[Dialect, Mapping[Refusal, Spelling]] = {
    Dialect.QUERY: {
        Refusal.UNSIGNED: Spelling("MissingAuthenticationToken", 403, _NOT_SIGNED),
        Refusal.CLOCK_SKEW: Spelling("SignatureDoesNotMatch", 403, "Signature expired"),
        Refusal.UNKNOWN_KEY: Spelling("InvalidClientTokenId", 403, _NOT_VALID),
        Refusal.BAD_SIGNATURE: Spelling("SignatureDoesNotMatch", 403, _MISMATCH),
        Refusal.EXPIRED: Spelling("ExpiredToken", 403, _EXPIRED),
        Refusal.REGION_OFF: Spelling("InvalidClientTokenId", 403, _NOT_VALID),
        Refusal.DENIED: Spelling("AccessDenied", 403, "Access denied"),
        Refusal.THROTTLED: Spelling("Throttling", 400, "Rate exceeded"),
        Refusal.UNKNOWN_ACTION: Spelling("InvalidAction", 400, "Could not find operation"),
        Refusal.MALFORMED: Spelling("MalformedInput", 400, "The input could not be read"),
        Refusal.MISSING_MEMBER: Spelling("MissingParameter", 400, "A parameter is missing"),
        Refusal.INVALID_MEMBER: Spelling("InvalidParameterValue", 400, "Invalid value"),
        Refusal.INTERNAL: Spelling("InternalFailure", 500, "An internal error has occurred"),
    },
    Dialect.EC2: {
        Refusal.UNSIGNED: Spelling("AuthFailure", 401, _EC2_CREDENTIALS),
        Refusal.CLOCK_SKEW: Spelling("RequestExpired", 400, "Request has expired."),
        Refusal.UNKNOWN_KEY: Spelling("AuthFailure", 401, _EC2_CREDENTIALS),
        Refusal.BAD_SIGNATURE: Spelling("AuthFailure", 401, _EC2_CREDENTIALS),
        Refusal.EXPIRED: Spelling("RequestExpired", 400, "Request has expired."),
        Refusal.REGION_OFF: Spelling("AuthFailure", 401, _EC2_CREDENTIALS),
        Refusal.DENIED: Spelling(
            "UnauthorizedOperation", 403, "You are not authorized to perform this operation."
        ),
        Refusal.THROTTLED: Spelling("RequestLimitExceeded", 503, "Request limit exceeded."),
        Refusal.UNKNOWN_ACTION: Spelling(
            "InvalidAction", 400, "The action is not valid for this web service."
        ),
        Refusal.MALFORMED: Spelling("MalformedInput", 400, "The input could not be read"),
        Refusal.MISSING_MEMBER: Spelling("MissingParameter", 400, "A parameter is missing"),
        Refusal.INVALID_MEMBER: Spelling("InvalidParameterValue", 400, "Invalid value"),
        Refusal.INTERNAL: Spelling("InternalError", 500, "An internal error has occurred"),
    },
    Dialect.JSON: {
        Refusal.UNSIGNED: Spelling("MissingAuthenticationTokenException", 400, _NOT_SIGNED),
        Refusal.CLOCK_SKEW: Spelling("InvalidSignatureException", 400, "Signature expired"),
        Refusal.UNKNOWN_KEY: Spelling("UnrecognizedClientException", 400, _NOT_VALID),
        Refusal.BAD_SIGNATURE: Spelling("InvalidSignatureException", 400, _MISMATCH),
        Refusal.EXPIRED: Spelling("ExpiredTokenException", 400, _EXPIRED),
        Refusal.REGION_OFF: Spelling("UnrecognizedClientException", 400, _NOT_VALID),
        Refusal.DENIED: Spelling("AccessDeniedException", 400, "Access denied"),
        Refusal.THROTTLED: Spelling("ThrottlingException", 400, "Rate exceeded"),
        Refusal.UNKNOWN_ACTION: Spelling("UnknownOperationException", 400, "Unknown operation"),
        Refusal.MALFORMED: Spelling("SerializationException", 400, "The input could not be read"),
        Refusal.MISSING_MEMBER: Spelling("ValidationException", 400, "A parameter is missing"),
        Refusal.INVALID_MEMBER: Spelling("ValidationException", 400, "Invalid value"),
        Refusal.INTERNAL: Spelling("InternalFailure", 500, "An internal error has occurred"),
    },
}
