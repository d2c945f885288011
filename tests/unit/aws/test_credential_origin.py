"""Where credentials come from, in words, and why they could not be got."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from typing import Any

import pytest
from botocore import exceptions as sdk
from hypothesis import given
from hypothesis import strategies as st

from discovery.aws.credential_errors import explain_failure, unreadable_setup
from discovery.aws.credential_origin import (
    CONTAINER,
    ENVIRONMENT,
    INSTANCE,
    PROCESS,
    ROLE,
    SSO,
    WEB_IDENTITY,
    SdkSetup,
    mfa_profile,
    origin_of,
)
from discovery.model.codes import ScopeReason

CONFIG, KEYS = "/home/me/.aws/config", "/home/me/.aws/credentials"
PROFILES: Mapping[str, Mapping[str, str]] = {
    "process": {"credential_process": "/opt/vault --password hidden"},
    "bare": {"credential_process": "/opt/vault"},
    "pod": {"web_identity_token_file": "/token", "role_arn": "arn:aws:iam::1:role/pod"},
    "sso": {"sso_session": "corp", "sso_account_id": "1", "sso_role_name": "x"},
    "role": {"role_arn": "arn:aws:iam::1:role/a", "source_profile": "process"},
    "chain": {"role_arn": "arn:aws:iam::1:role/b", "source_profile": "role", "mfa_serial": "m"},
    "loop": {"role_arn": "arn:aws:iam::1:role/c", "source_profile": "loop"},
    "machine": {
        "role_arn": "arn:aws:iam::1:role/d",
        "credential_source": "Ec2InstanceMetadata",
    },
}
BOTH = {**PROFILES, "keys": {"aws_access_key_id": "AKIA", "aws_secret_access_key": "S3cret"}}


def setup(profile: str = "default", **environ: str) -> SdkSetup:
    return SdkSetup(
        profile=profile,
        is_explicit=False,
        profiles=BOTH,
        config_file=CONFIG,
        credentials_file=KEYS,
        in_config_file=PROFILES,
        environ=environ,
    )


CONTAINER_FULL = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
CONTAINER_TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
ORIGINS = [
    (ENVIRONMENT, setup(), "the environment (AWS_ACCESS_KEY_ID)"),
    (INSTANCE, setup(), "the instance's metadata service"),
    ("shared-credentials-file", setup("keys"), f"profile keys of {KEYS}"),
    (
        PROCESS,
        setup("process"),
        f"credential_process `/opt/vault …` of profile process of {CONFIG}",
    ),
    (PROCESS, setup("bare"), f"credential_process `/opt/vault` of profile bare of {CONFIG}"),
    (
        WEB_IDENTITY,
        setup("pod"),
        f"web identity token file /token of profile pod of {CONFIG} (role arn:aws:iam::1:role/pod)",
    ),
    (
        WEB_IDENTITY,
        setup(AWS_WEB_IDENTITY_TOKEN_FILE="/t", AWS_ROLE_ARN="arn:r"),
        "web identity token file /t of AWS_WEB_IDENTITY_TOKEN_FILE (role arn:r)",
    ),
    (SSO, setup("sso"), f"the SSO session of profile sso of {CONFIG}"),
    (
        CONTAINER,
        setup(**{CONTAINER_FULL: "http://me:S3cret@h/x", CONTAINER_TOKEN: "/t"}),
        "the container's credentials at http://***@h/x, with the token of /t",
    ),
    (
        ROLE,
        setup("chain"),
        f"profile chain of {CONFIG} (role arn:aws:iam::1:role/b), entered from "
        f"profile role of {CONFIG} (role arn:aws:iam::1:role/a), entered from "
        f"credential_process `/opt/vault …` of profile process of {CONFIG}",
    ),
    (
        ROLE,
        setup("machine"),
        f"profile machine of {CONFIG} (role arn:aws:iam::1:role/d), entered from "
        "the instance's metadata service",
    ),
    (
        ROLE,
        setup("loop"),
        f"profile loop of {CONFIG} (role arn:aws:iam::1:role/c), entered from "
        f"profile loop of {CONFIG}",
    ),
]


@pytest.mark.parametrize(("method", "given", "text"), ORIGINS, ids=[text for *_, text in ORIGINS])
def test_an_origin_names_every_file_and_command(method: str, given: SdkSetup, text: str) -> None:
    assert origin_of(method, given).text == text


def test_a_profile_on_the_way_that_asks_for_a_code_is_found() -> None:
    assert mfa_profile(origin_of(ROLE, setup("chain")), setup("chain")) == "chain"
    assert mfa_profile(origin_of(ROLE, setup("role")), setup("role")) is None


def parsed(text: str) -> Exception:
    try:
        configparser.RawConfigParser().read_string(text)
    except configparser.Error as error:
        return sdk.ConfigParseError(path=CONFIG, error=error)
    raise AssertionError(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("aws_secret_access_key = S3cret\n", f"{CONFIG}:1: there is a setting before"),
        ("[profile a]\nS3cret\n", f"{CONFIG}:2: the line is neither"),
        ("[profile a]\n[profile a]\n", f"{CONFIG}:2: the section [profile a] is there twice"),
        ("[profile a]\nx = 1\nx = S3cret\n", f"{CONFIG}:3: the setting x is there twice"),
    ],
)
def test_a_broken_file_is_named_with_its_line_and_not_quoted(text: str, place: str) -> None:
    fault = unreadable_setup(parsed(text)).error
    assert fault.reason is ScopeReason.CREDENTIALS
    assert fault.message.startswith(f"the agent's credentials could not be got: {place}")
    assert "S3cret" not in fault.message


RAISED: list[tuple[Exception, str]] = [
    (FileNotFoundError(2, "No such file or directory", "/token"), "No such file or directory"),
    (PermissionError(13, "Permission denied", "/other"), "/other: Permission denied"),
    (TimeoutError(), "it gave none in time"),
    (
        sdk.CredentialRetrievalError(provider="x", error_msg="locked:\n http://a:S3cret@v"),
        "locked: http://***@v",
    ),
    (sdk.PartialCredentialsError(provider="env", cred_var="AWS_X"), "AWS_X is missing"),
    (KeyError("Token"), "the answer has no 'Token'"),
    (
        sdk.ClientError(
            {"Error": {"Code": "InvalidIdentityToken", "Message": "no"}},
            "AssumeRoleWithWebIdentity",
        ),
        "AssumeRoleWithWebIdentity was refused (InvalidIdentityToken: no)",
    ),
    (RuntimeError("still expired"), "still expired"),
]


@pytest.mark.parametrize(("error", "why"), RAISED, ids=lambda value: type(value).__name__)
def test_what_is_raised_on_the_way_is_told_by_its_origin(error: Exception, why: str) -> None:
    given = setup(AWS_WEB_IDENTITY_TOKEN_FILE="/token", AWS_ROLE_ARN="arn:r")
    fault = explain_failure(error, origin_of(WEB_IDENTITY, given), given).error
    assert fault.reason is ScopeReason.CREDENTIALS
    assert fault.message.startswith(
        "the agent's credentials could not be got: web identity token file /token of "
        f"AWS_WEB_IDENTITY_TOKEN_FILE (role arn:r): {why}; see that the token is there"
    )


@pytest.mark.parametrize(
    "error", [ValueError("x"), AttributeError("x"), TypeError("x"), KeyError("AccessKeyId")]
)
def test_a_command_whose_output_is_malformed_is_no_answer_of_aws(error: Exception) -> None:
    given = setup("bare")
    fault = explain_failure(error, origin_of(PROCESS, given), given).error
    assert "`/opt/vault` of profile bare" in fault.message
    assert "it printed no JSON document of credentials; run the command manually" in fault.message


NAMES = st.sampled_from([*BOTH, "default", "nobody"])
VALUES = st.dictionaries(
    st.sampled_from(
        [
            *("role_arn", "source_profile", "credential_source", "credential_process"),
            *("web_identity_token_file", "sso_account_id", "aws_access_key_id", "mfa_serial"),
        ]
    ),
    st.one_of(NAMES, st.text(max_size=20)),
)
METHODS = st.sampled_from([ENVIRONMENT, ROLE, WEB_IDENTITY, PROCESS, SSO, CONTAINER, INSTANCE, "?"])


@pytest.mark.slow
@given(METHODS, NAMES, st.dictionaries(NAMES, VALUES))
def test_any_configuration_has_an_origin(
    method: str, profile: str, profiles: dict[str, Any]
) -> None:
    """Also one whose profiles go round in a circle."""
    given = SdkSetup(
        profile=profile,
        is_explicit=True,
        profiles=profiles,
        config_file=CONFIG,
        credentials_file=KEYS,
        in_config_file=profiles,
        environ={},
    )
    assert origin_of(method, given).text
