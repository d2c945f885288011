"""Amazon ElastiCache: the service, and checks that its operations share.

The operations are in `elasticache_caches`, `elasticache_users`, `elasticache_groups` and
`elasticache_tags`.
"""

import re
from collections.abc import Mapping, Sequence

from discovery.sandbox.aws.errors import ModeledError
from discovery.sandbox.aws.services.service import Parameters, Service

service = Service(
    name="elasticache",
    signing_name="elasticache",
    # Service-owned ids such as `default.iam-user` have a dot, which the pattern of the model lacks.
    # The authentication type is refused in words of the service's own.
    unchecked={
        "DescribeUsers": frozenset({"UserId"}),
        "CreateUser": frozenset({"AuthenticationMode"}),
        "ModifyUser": frozenset({"AuthenticationMode", "UserId"}),
        "DeleteUser": frozenset({"UserId"}),
    },
)

RBAC_ENGINES = ("redis", "valkey")
"""Engines that have users and groups."""

MINIMUM_VERSIONS: Mapping[str, str] = {"redis": "6.0", "valkey": "7.2"}
"""Engine version from which an engine has users and groups."""

MOST_TAGS = 50
"""Tags of one resource; those of AWS itself are not counted."""

IDENTIFIER = re.compile(r"[a-z](?:-?[a-z0-9])*")
"""Lower-case letters, digits and single hyphens; starts with a letter, ends without a hyphen."""


def invalid_value(message: str) -> ModeledError:
    """Return the error InvalidParameterValue."""
    return ModeledError("InvalidParameterValueException", message)


def invalid_combination(message: str) -> ModeledError:
    """Return the error InvalidParameterCombination."""
    return ModeledError("InvalidParameterCombinationException", message)


def read_rbac_engine(text: str) -> str:
    """Return the engine in lower case. Raises InvalidParameterValue for one without users."""
    if text.lower() not in RBAC_ENGINES:
        raise invalid_value(f"Engine {text} is not one of {', '.join(RBAC_ENGINES)}")
    return text.lower()


def check_identifier(text: str, what: str, longest: int) -> str:
    """Return the name in lower case, as stored. Raises InvalidParameterValue for a bad one."""
    name = text.lower()
    if not IDENTIFIER.fullmatch(name) or len(name) > longest:
        raise invalid_value(
            f"The parameter {what} is not a valid identifier. Identifiers must begin with a "
            "letter; must contain only ASCII letters, digits, and hyphens; must not end with a "
            f"hyphen or contain two consecutive hyphens; and have at most {longest} characters."
        )
    return name


def read_tags(tags: Sequence[Parameters]) -> Mapping[str, str]:
    """Return the tags that a request sets.

    Raises InvalidParameterValue or TagQuotaPerResourceExceeded.
    """
    checked: dict[str, str] = {}
    for tag in tags:
        key, value = tag.text("Key"), tag.text("Value")
        if key in checked:
            raise invalid_value(f"Duplicate tag key: {key}")
        check_tag(key, value)
        checked[key] = value
    check_tag_count(checked)
    return checked


def check_tag(key: str, value: str) -> None:
    """Raise InvalidParameterValue for a tag that nobody may set."""
    if key.lower().startswith("aws:"):
        raise invalid_value(f"Tag keys beginning with aws: are reserved: {key}")
    if not 1 <= len(key) <= 128 or len(value) > 256:
        raise invalid_value("Tag keys have 1 to 128 characters, tag values 0 to 256")


def check_tag_count(tags: Mapping[str, str]) -> None:
    """Raise TagQuotaPerResourceExceeded for more tags than a resource may have."""
    if sum(1 for key in tags if not key.startswith("aws:")) > MOST_TAGS:
        raise ModeledError(
            "TagQuotaPerResourceExceeded", f"A resource can have at most {MOST_TAGS} tags."
        )


def tag_list(tags: Mapping[str, str]) -> Sequence[Mapping[str, str]]:
    """Return tags in the form of the API."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
