"""Error codes of AWS: what each means in this program's words, and what to do.

Source: aws/README: Errors. Codes differ by protocol, so each meaning has a set of them.
"""

from __future__ import annotations

from discovery.model.codes import ScopeReason

NO_SUCH_CACHE = "ServerlessCacheNotFoundFault"

UNKNOWN_KEY_CODES = frozenset(
    {
        "AuthFailure",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "OptInRequired",
        "UnrecognizedClientException",
    }
)
"""Codes of credentials that mean nothing there: a region not enabled, or a deleted key."""

STALE_CODES = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
    }
)
"""Codes of credentials that AWS does not know any more, or not there: renewing may help."""

_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "NotAuthorized",
        "UnauthorizedException",
        "UnauthorizedOperation",
    }
)
_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_BAD_SIGNATURE = frozenset(
    {"InvalidSignatureException", "RequestTimeTooSkewed", "SignatureDoesNotMatch"}
)
_MEANINGS = {
    **dict.fromkeys(
        _THROTTLED,
        (
            ScopeReason.THROTTLED,
            "AWS limits the rate; the next sweep asks again. Lower aws.concurrency if it stays",
        ),
    ),
    **dict.fromkeys(
        _EXPIRED,
        (
            ScopeReason.EXPIRED,
            "the session has expired: renew the agent's credentials, and check this machine's "
            "clock",
        ),
    ),
    **dict.fromkeys(
        UNKNOWN_KEY_CODES,
        (
            ScopeReason.DENIED,
            "AWS does not know these credentials there: enable the region for the account, or "
            "renew the key if it was deleted",
        ),
    ),
    "RegionDisabledException": (
        ScopeReason.DENIED,
        "STS is switched off in that region: switch it on, or set AWS_REGION to another one",
    ),
    **dict.fromkeys(
        ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "InvalidAddress"),
        (
            ScopeReason.UNREACHABLE,
            "there is no such queue in that region: correct service.events.queue_url, or make the "
            "queue. Sweeps go on without events",
        ),
    ),
    "OverLimit": (
        ScopeReason.THROTTLED,
        "120,000 messages were received and not deleted, and SQS gives no more: see that nobody "
        "else reads the queue, and lower its visibility timeout",
    ),
    **dict.fromkeys(
        ("KmsThrottled", "KMS.ThrottlingException"),
        (ScopeReason.THROTTLED, "KMS limits the rate of the queue's key; it is tried again"),
    ),
    **dict.fromkeys(
        ("KmsAccessDenied", "KMS.AccessDeniedException"),
        (
            ScopeReason.DENIED,
            "allow kms:Decrypt on the queue's key to the agent's own role, in its policy and in "
            "that of the key",
        ),
    ),
    **dict.fromkeys(
        ("KmsDisabled", "KMS.DisabledException", "KmsInvalidState", "KMS.InvalidStateException"),
        (ScopeReason.DENIED, "the queue's key is disabled or about to be deleted: enable it"),
    ),
    **dict.fromkeys(
        (
            *("KmsNotFound", "KMS.NotFoundException"),
            *("KmsInvalidKeyUsage", "KMS.InvalidKeyUsageException"),
            *("KmsOptInRequired", "KMS.OptInRequired"),
        ),
        (ScopeReason.DENIED, "KMS cannot use the queue's key: give the queue another one"),
    ),
}
"""What a code means whatever was asked, and what to do. SQS has each in two spellings: its own, and
that of the query protocol, which the SDK prefers when it is sent along."""
_SKEW_WORDS = ("expired", "not yet current", "skewed")


def meaning_of(code: str, said: str, status: int, action: str) -> tuple[ScopeReason, str]:
    """Say what an error code means, and what to do.

    Args:
        code: AWS's own, empty when there was none.
        said: AWS's own message.
        status: Of HTTP.
        action: The IAM action that was attempted.
    """
    if code in _MEANINGS:
        return _MEANINGS[code]
    if code in _BAD_SIGNATURE:
        return _bad_signature(said)
    if code in _DENIED:
        return (
            ScopeReason.DENIED,
            f"allow {action} to the role or user, and look for a service control policy that "
            "forbids it",
        )
    if status >= 500:
        return ScopeReason.SERVER_ERROR, "AWS has trouble; the next sweep asks again"
    return (
        ScopeReason.SERVER_ERROR,
        "AWS refused a request that is valid by its documentation; if it stays, report it with "
        "this message",
    )


def _bad_signature(said: str) -> tuple[ScopeReason, str]:
    if any(word in said.lower() for word in _SKEW_WORDS):
        return (
            ScopeReason.CLOCK_SKEW,
            "this machine's clock is off by more than five minutes: set it, best by NTP",
        )
    return (
        ScopeReason.DENIED,
        "the secret key does not belong to the access key: check the agent's credentials",
    )
