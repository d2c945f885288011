"""Say where the agent's own credentials come from: variable, profile and file, or command.

Pure: reads what the SDK's files and the environment say, never the credentials themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from discovery.model.foreign_text import without_passwords

ENVIRONMENT: Final = "env"
ROLE: Final = "assume-role"
WEB_IDENTITY: Final = "assume-role-with-web-identity"
PROCESS: Final = "custom-process"
SSO: Final = "sso"
CONTAINER: Final = "container-role"
INSTANCE: Final = "iam-role"
_CREDENTIALS_FILE: Final = "shared-credentials-file"
_CONFIG_FILE: Final = "config-file"
"""Names of the SDK's credential providers (`CredentialProvider.METHOD`)."""

OUTSIDE_PROFILES: Final = frozenset({"ec2-credentials-file", "boto-config", CONTAINER, INSTANCE})
"""Providers that the SDK tries when no profile has credentials."""

_SOURCES: Final = {
    "Environment": ENVIRONMENT,
    "Ec2InstanceMetadata": INSTANCE,
    "EcsContainer": CONTAINER,
}
"""What `credential_source` of a profile may name."""
_OTHERS: Final = {
    ENVIRONMENT: "the environment (AWS_ACCESS_KEY_ID)",
    INSTANCE: "the instance's metadata service",
    "ec2-credentials-file": "the file that AWS_CREDENTIAL_FILE names",
    "boto-config": "the file of the old SDK (BOTO_CONFIG, /etc/boto.cfg, ~/.boto)",
}

Profile = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SdkSetup:
    """The AWS SDK's own configuration, as far as credentials depend on it."""

    profile: str
    """The one in use, `default` when none is named."""
    is_explicit: bool
    """True when this program's configuration names the profile; the SDK then passes over
    variables that name keys or a token file."""
    profiles: Mapping[str, Profile]
    config_file: str
    credentials_file: str
    in_config_file: Mapping[str, Profile]
    """The profiles that the one of the two files has; `profiles` are those of both."""
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Origin:
    """One provider of credentials in the SDK's chain."""

    method: str
    """As the SDK calls it; of a role's profile, that of the profile at its beginning."""
    text: str
    """Such as `profile work of ~/.aws/config`."""
    profiles: tuple[str, ...] = ()
    """The profiles on the way, the one in use first."""


def origin_of(method: str, setup: SdkSetup) -> Origin:
    """Describe a provider, with every profile, file and command on the way to it."""
    if method == ROLE:
        return _of_role(setup, setup.profile, ())
    found = Origin(method, without_passwords(_text(method, setup, setup.profile)))
    return (
        found if method == ENVIRONMENT or method in OUTSIDE_PROFILES else _of_profile(found, setup)
    )


def _of_profile(origin: Origin, setup: SdkSetup) -> Origin:
    return Origin(origin.method, origin.text, (setup.profile,))


def _of_role(setup: SdkSetup, name: str, seen: tuple[str, ...]) -> Origin:
    """Describe a profile that assumes a role, and the credentials that it does so with."""
    profile = setup.profiles.get(name, {})
    seen = (*seen, name)
    text = f"{_place(setup, name, 'role_arn')} (role {profile.get('role_arn', 'not named')})"
    before = _source(setup, name, profile, seen)
    return Origin(
        before.method, without_passwords(f"{text}, entered from {before.text}"), before.profiles
    )


def _source(setup: SdkSetup, name: str, profile: Profile, seen: tuple[str, ...]) -> Origin:
    if "credential_source" in profile:
        given = str(profile["credential_source"])
        method = _SOURCES.get(given, given)
        return Origin(method, _text(method, setup, name), seen)
    source = str(profile.get("source_profile", ""))
    entered = setup.profiles.get(source, {})
    takes_role = "role_arn" in entered and "aws_access_key_id" not in entered
    if takes_role and "web_identity_token_file" not in entered and source not in seen:
        return _of_role(setup, source, seen)
    method = _method_of(entered)
    return Origin(method, _text(method, setup, source), (*seen, source))


def _method_of(profile: Profile) -> str:
    """The provider that the SDK finds first in a profile."""
    if "web_identity_token_file" in profile:
        return WEB_IDENTITY
    if "sso_account_id" in profile or "sso_role_name" in profile:
        return SSO
    if "aws_access_key_id" not in profile and "credential_process" in profile:
        return PROCESS
    return _CREDENTIALS_FILE


def _text(method: str, setup: SdkSetup, name: str) -> str:
    profile = setup.profiles.get(name, {})
    if method == WEB_IDENTITY:
        return _web_identity(setup, name, profile)
    if method == PROCESS:
        words = str(profile.get("credential_process", "")).split(maxsplit=1)
        # What comes behind the program may be a secret.
        command = f"{words[0]} …" if len(words) > 1 else "".join(words)
        return f"credential_process `{command}` of {_place(setup, name, 'credential_process')}"
    if method == SSO:
        return f"the SSO session of {_place(setup, name, 'sso_account_id')}"
    if method == CONTAINER:
        return _container(setup.environ)
    if method in (_CREDENTIALS_FILE, _CONFIG_FILE):
        return _place(setup, name, "aws_access_key_id")
    return _OTHERS.get(method, method)


def _web_identity(setup: SdkSetup, name: str, profile: Profile) -> str:
    named = {} if setup.is_explicit else setup.environ
    file, source = named.get("AWS_WEB_IDENTITY_TOKEN_FILE"), "AWS_WEB_IDENTITY_TOKEN_FILE"
    if file is None:
        key = "web_identity_token_file"
        file, source = profile.get(key), _place(setup, name, key)
    role = named.get("AWS_ROLE_ARN") or profile.get("role_arn") or "not named"
    return f"web identity token file {file} of {source} (role {role})"


def _container(environ: Mapping[str, str]) -> str:
    where = (
        environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        or environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        or "an address that is not named"
    )
    file = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    with_token = f", with the token of {file}" if file else ""
    return f"the container's credentials at {where}{with_token}"


def _place(setup: SdkSetup, name: str, key: str) -> str:
    is_there = key in setup.in_config_file.get(name, {})
    known_elsewhere = key in setup.profiles.get(name, {})
    file = setup.config_file if is_there or not known_elsewhere else setup.credentials_file
    return f"profile {name} of {file}"


def mfa_profile(origin: Origin, setup: SdkSetup) -> str | None:
    """The profile on the way whose role asks for a code of an MFA device; None when none does."""
    return next(_profiles_with(origin, setup, "mfa_serial"), None)


def login_profile(origin: Origin, setup: SdkSetup) -> str | None:
    """The profile on the way that `aws login` made; None when none was."""
    return next(_profiles_with(origin, setup, "login_session"), None)


def _profiles_with(origin: Origin, setup: SdkSetup, key: str) -> Iterator[str]:
    names = origin.profiles or (setup.profile,)
    return (name for name in names if key in setup.profiles.get(name, {}))
