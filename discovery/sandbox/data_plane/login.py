"""Decide whether a user name and a password open a cache, as ElastiCache does.

Clients read `WRONGPASS` whatever the cause; the reasons here are for the sandbox's own log. Users
that log in by password, and were not made by a request with one, cannot log in.

Source: aws/README: IAM token, IAM login.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from discovery.sandbox.aws.auth import authenticate
from discovery.sandbox.aws.errors import CommonError
from discovery.sandbox.aws.permissions import may_connect
from discovery.sandbox.aws.presigned import Presigned, read_presigned
from discovery.sandbox.aws.values import User, hash_password
from discovery.sandbox.data_plane.access import is_on
from discovery.sandbox.data_plane.caches import ServedCache

LONGEST_LIFE = timedelta(seconds=900)


def refuse_login(served: ServedCache, name: str, password: str) -> str | None:
    """Return why this user does not get in with this password; None when he does."""
    user = served.users().get(name)
    if user is None:
        return "no active member of the cache's user group has this user name"
    if not is_on(user.access_string):
        return "the user's access string is off"
    if user.authentication == "no-password":
        return None
    if user.authentication != "iam":
        is_known = hash_password(password) in user.password_hashes
        return None if is_known else "the user logs in by password, and this is none of its own"
    if user.id != user.name:
        return "the user's id and name differ"
    return refuse_token(served, user, password)


def refuse_token(served: ServedCache, user: User, token: str) -> str | None:
    """Return why the token does not let this user in; None when it does."""
    presigned = read_presigned(token) if token.isascii() else None
    if presigned is None:
        return "the password is no IAM token"
    for problem in _contradictions(served, user, presigned):
        return problem
    return _refuse_signer(served, user, presigned)


def _contradictions(served: ServedCache, user: User, token: Presigned) -> Iterator[str]:
    """List in what the token is not for this cache and user."""
    query, claim = token.query, token.claim
    assert claim.lifetime is not None  # noqa: S101 - it is presigned
    if token.host != served.cache.name:
        yield "the token is for another cache, or its name is not in lower case"
    if query.get("Action") != "connect":
        yield "the token's action is not connect"
    if query.get("ResourceType") != "ServerlessCache":
        yield "the token is not for a serverless cache"
    if query.get("User") != user.id:
        yield "the token is for another user"
    if claim.service != "elasticache":
        yield "the token is signed for another service"
    if claim.region != served.region.place.name:
        yield "the token is signed for another region"
    if claim.signed_headers != ("host",):
        yield "the token signs other headers than the host"
    if not timedelta(0) < claim.lifetime <= LONGEST_LIFE:
        yield "the token is to be valid for longer than 900 seconds, or not at all"


def _refuse_signer(served: ServedCache, user: User, token: Presigned) -> str | None:
    """Return why whoever signed the token may not connect; None when he may."""
    world, account, place = served.world, served.account, served.region.place
    try:
        key = authenticate(token.claim, token.request, world.keys, world.auth_clock())
    except CommonError as error:
        return f"the token's signature is refused: {error.kind.value}"
    if key.account_id != account.id:
        return "the token is signed by another account"
    if key.is_session and key.token_version == 1 and place.name in account.partition.opt_in_regions:
        return "the signer's session is not valid in this region"
    if not may_connect(account, key, place.name, served.cache.arn, user.arn):
        return "the signer lacks elasticache:Connect on the cache or on the user"
    return None
