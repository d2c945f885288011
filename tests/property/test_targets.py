"""Whatever an organization looks like and wherever its list ends, targets are never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from discovery.aws.clients import Signer
from discovery.aws.errors import AwsCallFailed
from discovery.aws.organizations import list_members
from discovery.aws.session import Session
from discovery.config.aws import Organization as Entry
from discovery.model.values import AccountId, Region, Scope
from discovery.plan.shard import Shard
from discovery.plan.targets import ScopeFilter, Targets
from discovery.sandbox.aws.errors import AwsError, ModeledError
from discovery.sandbox.aws.organization import ROOT, STATUSES, Organization
from discovery.sandbox.aws.paging import PageTokens, PagingFault
from discovery.sandbox.aws.rates import TokenBuckets
from discovery.sandbox.aws.services.organizations import service
from discovery.sandbox.aws.services.service import ApiCall, Parameters
from discovery.sandbox.aws.world import World
from matchers.regions import RegionList, ScopeMembership

HUB = "000000000000"
HOME = "eu-west-1"
EPOCH = datetime(2026, 11, 23, tzinfo=UTC)
_OPERATIONS = {
    "list_accounts": "ListAccounts",
    "list_accounts_for_parent": "ListAccountsForParent",
    "list_organizational_units_for_parent": "ListOrganizationalUnitsForParent",
    "list_roots": "ListRoots",
}


class Directly:
    """The sandbox's Organizations as the SDK's client shows it, without a wire in between."""

    def __init__(self, world: World, page_size: int, fails_at: int | None) -> None:
        self._world = world
        self._key = world.account(HUB).add_key()
        self._page_tokens = PageTokens()
        self._page_size = page_size
        self._fails_at = fails_at
        self.calls = 0

    async def get(self, _service: str, _region: str) -> Directly:
        return self

    def deadline_s(self, _service: str) -> float:
        return 60.0

    def slot(self, _service: str) -> AbstractAsyncContextManager[object]:
        return nullcontext()

    async def call(
        self, _service: str, _region: str, method: str, parameters: Mapping[str, Any]
    ) -> Any:
        operation = _OPERATIONS[method]
        self.calls += 1
        if self.calls - 1 == self._fails_at:
            raise _refusal("ServiceException", "trouble", operation)
        self._world.rates = TokenBuckets()  # how fast is not what this is about
        try:
            answer = service.operations[operation](self._api_call(operation, parameters))
        except (AwsError, ModeledError) as error:
            code = error.code if isinstance(error, AwsError) else error.shape
            raise _refusal(code, error.message, operation) from error
        return {**cast("dict[str, Any]", answer), "ResponseMetadata": {"RequestId": "1"}}

    def _api_call(self, operation: str, members: Mapping[str, Any]) -> ApiCall:
        account = self._world.account(HUB)
        return ApiCall(
            world=self._world,
            account=account,
            region=account.region(HOME),
            key=self._key,
            operation=operation,
            params=Parameters({"MaxResults": self._page_size, **members}),
            now=EPOCH,
            page_tokens=self._page_tokens,
            paging=PagingFault(),
            acts_as=None,
            origin="http://127.0.0.1",
        )


def _refusal(code: str, message: str, operation: str) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": 400},  # type: ignore[typeddict-item]
        },
        operation,
    )


@dataclass
class Case:
    """An organization and an entry about it."""

    world: World
    organization: Organization
    entry: Entry

    @property
    def wanted(self) -> set[str]:
        """By looking at the tree from each account upwards, which is not how it is read."""
        entry = self.entry
        return {
            member.account_id
            for member in self.organization.members.values()
            if member.state == "ACTIVE"
            and member.account_id not in entry.exclude_accounts
            and not set(self.organization.path(member.parent_id)) & set(entry.exclude_ous)
            and (
                entry.include_ous is None
                or set(self.organization.path(member.parent_id)) & set(entry.include_ous)
            )
        }


@st.composite
def cases(draw: st.DrawFn) -> Case:
    world = World(lambda: EPOCH)
    organization = world.organize(HUB)
    places = [ROOT]
    for number in range(draw(st.integers(0, 8))):
        places.append(organization.add_unit(f"unit {number}", parent=draw(st.sampled_from(places))))
    for number in range(1, draw(st.integers(1, 20))):
        organization.join(
            f"{number:012d}",
            parent=draw(st.sampled_from(places)),
            state=draw(st.sampled_from(["ACTIVE", "ACTIVE", *STATUSES])),
        )
    some = st.lists(st.sampled_from(places), min_size=1, max_size=3)
    accounts = st.lists(st.sampled_from(sorted(organization.members)), max_size=3)
    entry = Entry.model_validate(
        {
            "role_name": "cachemuster",
            "include_ous": draw(st.none() | some),
            "exclude_ous": draw(st.just([]) | some),
            "exclude_accounts": draw(accounts),
        }
    )
    return Case(world, organization, entry)


async def listed(
    case: Case, page_size: int, fails_at: int | None = None
) -> tuple[list[str], AwsCallFailed | None, int]:
    """The accounts that the agent reads, what ended the list early, and how often it asked."""
    client = Directly(case.world, page_size, fails_at)
    session = Session(
        account_id=AccountId(HUB),
        partition="aws",
        region=Region(HOME),
        clients=client,  # type: ignore[arg-type]
        signer=Signer(None),  # type: ignore[arg-type]
    )
    found: list[str] = []
    try:
        async with aclosing(list_members(session, case.entry)) as pages:
            async for page in pages:
                found.extend(page.accounts)
    except AwsCallFailed as fault:
        return found, fault, client.calls
    return found, None, client.calls


@given(cases(), st.integers(1, 5))
async def test_the_list_is_what_the_tree_says(case: Case, page_size: int) -> None:
    found, fault, _ = await listed(case, page_size)
    assert fault is None
    assert set(found) == case.wanted
    assert len(found) == len(set(found)), "no account comes twice"


@given(cases(), st.integers(1, 5), st.integers(0, 40))
async def test_wherever_it_breaks_off_nothing_is_guessed(
    case: Case, page_size: int, fails_at: int
) -> None:
    found, fault, calls = await listed(case, page_size, fails_at)
    assert set(found) <= case.wanted, "what is left out stays left out"
    assert (fault is not None) is (calls > fails_at), "a list that was cut short says so"
    if fault is None:
        assert set(found) == case.wanted


# -- where a scope stands (R9) --------------------------------------------------------------------

ACCOUNTS = [AccountId(f"{number:012d}") for number in range(4)]
REGIONS = [Region(name) for name in ("eu-west-1", "eu-west-2", "us-east-1")]
scopes = st.builds(Scope, st.sampled_from(ACCOUNTS), st.none() | st.sampled_from(REGIONS))


@st.composite
def region_lists(draw: st.DrawFn) -> RegionList:
    excluded = draw(st.sampled_from([(), ("us-*",), ("eu-west-2",)]))
    unlisted = RegionList(frozenset(), complete=False, excluded=excluded)
    listed = draw(st.frozensets(st.sampled_from(REGIONS)))
    return RegionList(
        listed=frozenset(each for each in listed if not unlisted.excludes(each)),
        complete=draw(st.booleans()),
        globs=draw(st.sampled_from([(), ("eu-*",), ("*",)])),
        excluded=excluded,
        may_take=draw(st.sampled_from([(), ("eu-*",), ("*",)])),
    )


parts = st.builds(
    ScopeFilter,
    only=st.lists(scopes, max_size=2).map(tuple),
    shard=st.none() | st.integers(0, 2).map(lambda index: Shard(index, 3)),
)
everything = st.builds(
    Targets,
    accounts=st.dictionaries(st.sampled_from(ACCOUNTS), region_lists()),
    accounts_complete=st.booleans(),
    scope_filter=parts,
)


@given(everything, scopes)
def test_out_of_scope_needs_lists_read_to_their_end(targets: Targets, scope: Scope) -> None:
    standing = targets.membership(scope)
    regions = targets.accounts.get(scope.account_id)
    if standing is ScopeMembership.OUT_OF_SCOPE:
        assert targets.scope_filter.covers(scope)
        is_known = regions.complete if regions is not None else targets.accounts_complete
        assert is_known or targets.excludes(scope), "an exclusion needs no list"
        assert scope not in targets.scopes
    assert (standing is ScopeMembership.NOT_IN_RUN) is (not targets.scope_filter.covers(scope))
    if standing is ScopeMembership.TARGETS_UNKNOWN:
        assert not (regions.complete if regions is not None else targets.accounts_complete)
    if scope in targets.scopes:
        assert standing is ScopeMembership.IN_RUN


@given(everything, scopes)
def test_what_is_excluded_is_never_scanned_and_no_event_brings_it_back(
    targets: Targets, scope: Scope
) -> None:
    if targets.excludes(scope):
        assert targets.membership(scope) in (
            ScopeMembership.OUT_OF_SCOPE,
            ScopeMembership.NOT_IN_RUN,
        )
        assert not targets.may_be_new(scope)
    if targets.may_be_new(scope):
        assert targets.scope_filter.covers(scope)


@given(everything, scopes)
def test_a_list_that_was_cut_short_only_ever_holds_back(targets: Targets, scope: Scope) -> None:
    """Knowing less never makes a removal of what was none."""
    cut = Targets(
        accounts=targets.accounts, accounts_complete=False, scope_filter=targets.scope_filter
    )
    before, after = targets.membership(scope), cut.membership(scope)
    assert after is before or (before, after) == (
        ScopeMembership.OUT_OF_SCOPE,
        ScopeMembership.TARGETS_UNKNOWN,
    )
