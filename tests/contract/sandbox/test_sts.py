"""STS: identity, trust, external ids, durations."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore import UNSIGNED
from botocore.exceptions import ClientError

from tests.support.simulated_aws import EXTERNAL_ID, HUB, MEMBER, ROLE, Cloud, message, refusal


def test_caller_identity_of_a_user(cloud: Cloud) -> None:
    answer = cloud.client("sts").get_caller_identity()
    assert answer["Account"] == HUB
    assert answer["Arn"] == f"arn:aws:iam::{HUB}:user/agent"
    assert answer["UserId"].startswith("AIDA")


def test_an_assumed_role_answers_and_acts_as_its_account(cloud: Cloud) -> None:
    asked_at = datetime.now(UTC)
    answer = cloud.client("sts").assume_role(
        RoleArn=ROLE, RoleSessionName="sweep", ExternalId=EXTERNAL_ID
    )
    arn = f"arn:aws:sts::{MEMBER}:assumed-role/cachemuster/sweep"
    assert answer["AssumedRoleUser"]["Arn"] == arn
    assert answer["Credentials"]["AccessKeyId"].startswith("ASIA")
    life = answer["Credentials"]["Expiration"] - asked_at
    assert timedelta(minutes=59) < life <= timedelta(hours=1)

    key = cloud.world.keys.find(answer["Credentials"]["AccessKeyId"])
    assert cloud.client("sts", key).get_caller_identity()["Arn"] == arn


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"ExternalId": "a-wrong-word"}, id="wrong external id"),
        pytest.param({"ExternalId": None}, id="no external id"),
        pytest.param({"RoleArn": f"arn:aws:iam::{MEMBER}:role/nobody"}, id="no such role"),
        pytest.param({"RoleArn": "arn:aws:iam::999999999999:role/x"}, id="no such account"),
        pytest.param({"RoleArn": "this is not an arn at all"}, id="no arn"),
    ],
)
def test_a_role_that_does_not_let_in_is_denied_in_awss_words(
    cloud: Cloud, change: dict[str, str | None]
) -> None:
    asked = {"RoleArn": ROLE, "RoleSessionName": "test", "ExternalId": EXTERNAL_ID} | change
    asked = {name: value for name, value in asked.items() if value is not None}
    with pytest.raises(ClientError) as caught:
        cloud.client("sts").assume_role(**asked)
    assert refusal(caught.value) == ("AccessDenied", 403)
    assert message(caught.value) == (
        f"User: arn:aws:iam::{HUB}:user/agent is not authorized to perform: sts:AssumeRole "
        f"on resource: {asked['RoleArn']}"
    )


def test_a_role_trusts_accounts_users_and_roles_it_names(cloud: Cloud) -> None:
    other = cloud.hub.add_key("other")
    cloud.member.add_role("picky", trusted=[cloud.key.principal_arn])
    arn = f"arn:aws:iam::{MEMBER}:role/picky"
    cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")
    with pytest.raises(ClientError, match="AccessDenied"):
        cloud.client("sts", other).assume_role(RoleArn=arn, RoleSessionName="test")

    cloud.hub.add_role("back", trusted=[ROLE])
    back = cloud.client("sts", cloud.assume()).assume_role(
        RoleArn=f"arn:aws:iam::{HUB}:role/back", RoleSessionName="back"
    )
    assert back["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{HUB}:assumed-role/back/back"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3601, "exceeds the MaxSessionDuration set for this role"), (43200, "MaxSessionDuration")],
)
def test_a_session_longer_than_the_roles_maximum_is_refused(
    cloud: Cloud, seconds: int, words: str
) -> None:
    with pytest.raises(ClientError, match=words) as caught:
        cloud.assume(DurationSeconds=seconds)
    assert refusal(caught.value) == ("ValidationError", 400)


def test_a_chained_session_lasts_an_hour_at_most(cloud: Cloud) -> None:
    cloud.hub.add_role("long", trusted=[MEMBER], max_session=timedelta(hours=12))
    arn = f"arn:aws:iam::{HUB}:role/long"
    client = cloud.client("sts", cloud.assume())
    with pytest.raises(ClientError, match="1 hour session limit for roles assumed by role chai"):
        client.assume_role(RoleArn=arn, RoleSessionName="test", DurationSeconds=3601)
    client.assume_role(RoleArn=arn, RoleSessionName="test", DurationSeconds=3600)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"DurationSeconds": 899}, id="too short"),
        pytest.param({"DurationSeconds": 43201}, id="too long"),
        pytest.param({"RoleSessionName": "a b"}, id="space in the session name"),
        pytest.param({"RoleSessionName": "x" * 65}, id="long session name"),
        pytest.param({"ExternalId": "hash#tag"}, id="external id with a hash"),
        pytest.param({"RoleSessionName": None}, id="no session name"),
    ],
)
def test_the_models_own_limits_hold(cloud: Cloud, change: dict[str, object]) -> None:
    asked = {"RoleArn": ROLE, "RoleSessionName": "test", "ExternalId": EXTERNAL_ID} | change
    asked = {name: value for name, value in asked.items() if value is not None}
    client = cloud.client("sts", parameter_validation=False)
    with pytest.raises(ClientError) as caught:
        client.assume_role(**asked)
    assert refusal(caught.value) == ("ValidationError", 400)


def test_sts_in_a_region_that_is_off(cloud: Cloud) -> None:
    with pytest.raises(ClientError) as caught:
        cloud.client("sts", region="af-south-1").get_caller_identity()
    assert refusal(caught.value) == ("RegionDisabledException", 403)
    assert message(caught.value).startswith("STS is not activated in this region")


SUBJECT = "system:serviceaccount:cachemuster:cachemuster"


def by_token(cloud: Cloud, token: str, role: str = "pod", **changes: object) -> dict[str, object]:
    """AssumeRoleWithWebIdentity, unsigned."""
    client = cloud.client("sts", signature_version=UNSIGNED)
    arn = f"arn:aws:iam::{HUB}:role/{role}"
    asked = {"RoleArn": arn, "RoleSessionName": "pod", "WebIdentityToken": token}
    answer: dict[str, object] = client.assume_role_with_web_identity(**asked | changes)
    return answer


def test_a_token_takes_the_place_of_a_signature(cloud: Cloud) -> None:
    cloud.hub.add_role("security/pod", trusted=[SUBJECT])
    answer = by_token(cloud, cloud.world.issue_web_identity(SUBJECT), role="security/pod")
    arn = f"arn:aws:sts::{HUB}:assumed-role/pod/pod"
    assert answer["AssumedRoleUser"]["Arn"] == arn  # type: ignore[index]
    assert answer["SubjectFromWebIdentityToken"] == SUBJECT
    assert answer["Audience"] == "sts.amazonaws.com"
    assert str(answer["Provider"]).startswith(f"arn:aws:iam::{HUB}:oidc-provider/")
    key = cloud.world.keys.find(answer["Credentials"]["AccessKeyId"])  # type: ignore[index]
    assert key is not None
    assert cloud.client("sts", key).get_caller_identity()["Arn"] == arn
    [call] = cloud.aws.calls.of("AssumeRoleWithWebIdentity")
    assert (call.access_key_id, call.account_id, call.error) == ("", HUB, None)


def test_a_token_that_does_not_let_in(cloud: Cloud) -> None:
    cloud.hub.add_role("pod", trusted=[SUBJECT])
    cloud.hub.add_role("picky", trusted=[SUBJECT], session_name="audit")
    good = cloud.world.issue_web_identity(SUBJECT)
    other = cloud.world.issue_web_identity("system:serviceaccount:a:b")
    ended = cloud.world.issue_web_identity(SUBJECT, lifetime=timedelta(0))
    strange: dict[str, object] = {"RoleArn": "arn:aws:iam::999999999999:role/pod"}
    cases: list[tuple[str, str, dict[str, object], tuple[str, int]]] = [
        ("nobody issued this one", "pod", {}, ("InvalidIdentityToken", 400)),
        (ended, "pod", {}, ("ExpiredTokenException", 400)),
        (other, "pod", {}, ("AccessDenied", 403)),
        (good, "nobody", {}, ("AccessDenied", 403)),
        (good, "picky", {}, ("AccessDenied", 403)),
        (good, "pod", strange, ("AccessDenied", 403)),
    ]
    for token, role, changes, expected in cases:
        with pytest.raises(ClientError) as caught:
            by_token(cloud, token, role, **changes)
        assert refusal(caught.value) == expected
    by_token(cloud, good, "picky", RoleSessionName="audit")


def test_nothing_else_goes_without_a_signature(cloud: Cloud) -> None:
    client = cloud.client("sts", signature_version=UNSIGNED)
    with pytest.raises(ClientError, match="MissingAuthenticationToken"):
        client.get_caller_identity()


def test_a_session_name_that_the_trust_demands(cloud: Cloud) -> None:
    cloud.member.add_role("picky", trusted=[HUB], session_name="audit")
    asked = {"RoleArn": f"arn:aws:iam::{MEMBER}:role/picky"}
    cloud.client("sts").assume_role(RoleSessionName="audit", **asked)
    with pytest.raises(ClientError, match="AccessDenied"):
        cloud.client("sts").assume_role(RoleSessionName="other", **asked)
