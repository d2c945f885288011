"""Explain why the agent's own credentials could not be got.

Whatever is raised on the way to them is trouble of this machine or of who issues them, and no
answer of AWS about an account.
"""

from __future__ import annotations

import configparser
import re
from typing import Final

from botocore import exceptions as sdk
from botocore.credentials import ReadOnlyCredentials

from discovery.aws.credential_origin import (
    CONTAINER,
    ENVIRONMENT,
    INSTANCE,
    PROCESS,
    SSO,
    WEB_IDENTITY,
    Origin,
    SdkSetup,
    login_profile,
    mfa_profile,
)
from discovery.aws.errors import AwsCallFailed, AwsError, quoted
from discovery.model.codes import ScopeReason

_ADVICE: Final = {
    ENVIRONMENT: "correct the AWS_* variables, or unset them all",
    WEB_IDENTITY: "see that the token is there and this user may read it, and that the role's "
    "trust policy names its issuer and subject",
    PROCESS: "run the command manually as this user",
    CONTAINER: "see that the container's role and its agent are there",
    INSTANCE: "see that the instance has a role, and that its metadata can be reached",
}
_SIGN_IN: Final = (sdk.SSOError, sdk.TokenRetrievalError, sdk.UnauthorizedSSOTokenError)
_NO_JSON: Final = (ValueError, AttributeError, TypeError, KeyError)
_CODE: Final = (
    "its role asks for the code of an MFA device, and nobody is there to type it",
    "give the agent a profile or a role without mfa_serial",
)
_FIT: Final = re.compile(r"[!-~]+")


class InvalidCredentials(Exception):
    """Credentials that cannot be any."""


def credentials_unavailable(origin: str, why: str, advice: str) -> AwsCallFailed:
    """Compose the error of credentials that could not be got: what failed, why, what to do."""
    message = f"the agent's credentials could not be got: {origin}: {why}; {advice}"
    return AwsCallFailed(AwsError(ScopeReason.CREDENTIALS, message))


def explain_failure(error: Exception, origin: Origin, setup: SdkSetup) -> AwsCallFailed:
    """Explain what was raised while credentials were fetched, by their origin."""
    if isinstance(error, AwsCallFailed) and error.error.reason is ScopeReason.CREDENTIALS:
        return error
    if isinstance(error, sdk.RefreshWithMFAUnsupportedError):
        return code_required(origin)
    return credentials_unavailable(origin.text, _why(error, origin), _advice(error, origin, setup))


def check_form(found: ReadOnlyCredentials) -> None:
    """Refuse what can be in no signed request, such as a key with the end of its line.

    Raises: InvalidCredentials, which does not repeat it.
    """
    named = {
        "access key id": found.access_key,
        "secret access key": found.secret_key,
        "session token": found.token or "-",
    }
    for name, value in named.items():
        if not isinstance(value, str) or _FIT.fullmatch(value) is None:
            raise InvalidCredentials(
                f"the {name} is empty, or holds a line break, a blank or another character that "
                "none has"
            )


def code_required(origin: Origin) -> AwsCallFailed:
    """Refuse a role that asks for an MFA code where nobody types."""
    return credentials_unavailable(origin.text, *_CODE)


def login_session_unsupported(profile: str, origin: str) -> AwsCallFailed:
    """Refuse a profile of `aws login`: the SDK would pass over it and become somebody else."""
    return credentials_unavailable(
        origin,
        "it was made by `aws login` (login_session), which this SDK does not know",
        _after_login(profile),
    )


def no_credentials_found(setup: SdkSetup, unreadable: tuple[str, ...]) -> AwsCallFailed:
    """Explain that the whole chain had no credentials."""
    files = f"profile {setup.profile} of {setup.config_file} and {setup.credentials_file}"
    why = "there are none"
    if unreadable:
        why += f" ({', '.join(unreadable)} may not be read by this user)"
    if setup.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        why += " (the instance's metadata is not asked: AWS_EC2_METADATA_DISABLED)"
    return credentials_unavailable(
        f"the environment, {files}, a container, the instance's metadata",
        why,
        "give the agent credentials by environment, profile, container or instance role, as for "
        "the AWS CLI",
    )


def unreadable_setup(error: Exception) -> AwsCallFailed:
    """Explain why the SDK's own files could not be read.

    With file and line, and not a word of what is there.
    """
    if isinstance(error, AwsCallFailed):
        return error
    if isinstance(error, sdk.ConfigParseError):
        place = f"{error.kwargs.get('path')}{_line(error.kwargs.get('error'))}"
        return credentials_unavailable(
            place, _syntax(error.kwargs.get("error")), "correct the file"
        )
    if isinstance(error, sdk.ProfileNotFound):
        return credentials_unavailable(
            f"profile {error.kwargs.get('profile')}",
            quoted(str(error)),
            "correct aws.profile or AWS_PROFILE, or add the profile to ~/.aws/config",
        )
    return credentials_unavailable(
        "the AWS SDK's own configuration", quoted(str(error)), "correct it"
    )


def _line(error: object) -> str:
    errors = getattr(error, "errors", None)
    if isinstance(error, configparser.ParsingError) and errors:
        return f":{errors[0][0]}"
    number = getattr(error, "lineno", None)
    return f":{number}" if isinstance(number, int) else ""


def _syntax(error: object) -> str:
    """Say what is wrong, without the line itself: it may hold a secret."""
    if isinstance(error, configparser.MissingSectionHeaderError):
        return "there is a setting before the first [profile …] line"
    if isinstance(error, configparser.DuplicateSectionError):
        return f"the section [{quoted(str(error.section))}] is there twice"
    if isinstance(error, configparser.DuplicateOptionError):
        return f"the setting {quoted(str(error.option))} is there twice"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return "the line is neither a [profile …] nor `name = value`"


def _why(error: Exception, origin: Origin) -> str:
    if isinstance(error, OSError) and error.strerror:
        named = str(error.filename) if error.filename is not None else ""
        return error.strerror if not named or named in origin.text else f"{named}: {error.strerror}"
    if isinstance(error, TimeoutError):
        return "it gave none in time"
    if isinstance(error, sdk.ClientError):
        answer = error.response.get("Error", {})
        return quoted(
            f"{error.operation_name} was refused ({answer.get('Code')}: {answer.get('Message')})"
        )
    if isinstance(error, sdk.CredentialRetrievalError):
        return quoted(str(error.kwargs.get("error_msg") or "it failed without a word"))
    if isinstance(error, sdk.PartialCredentialsError):
        return f"{error.kwargs.get('cred_var')} is missing"
    if origin.method == PROCESS and isinstance(error, _NO_JSON):
        return "it printed no JSON document of credentials"
    if isinstance(error, KeyError):
        return quoted(f"the answer has no {error}")
    return quoted(str(error) or type(error).__name__)


def _advice(error: Exception, origin: Origin, setup: SdkSetup) -> str:
    if login := login_profile(origin, setup):
        return _after_login(login)
    if isinstance(error, _SIGN_IN) or origin.method == SSO:
        profile = origin.profiles[-1] if origin.profiles else "default"
        return f"sign in anew with `aws sso login --profile {profile}`"
    if mfa_profile(origin, setup):
        return _CODE[1]
    if isinstance(error, sdk.ClientError) and origin.method not in _ADVICE:
        return "see that the role's trust policy lets it in, or correct the profile"
    return _ADVICE.get(origin.method, "correct the profile")


def _after_login(profile: str) -> str:
    return (
        f"name another profile, with `credential_process = aws configure export-credentials "
        f"--profile {profile} --format process`"
    )
