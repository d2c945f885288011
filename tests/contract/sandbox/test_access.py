"""What the sandbox says to put into a configuration leads to every account that lets one in."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from discovery.aws.cloud import open_cloud
from discovery.config.load import load_config
from discovery.config.secrets import resolve_external_id
from discovery.model.values import Complete
from discovery.plan.targets import ScopeFilter
from discovery.sandbox import agent_world
from discovery.sandbox.agent_world import AgentWorld, environment
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.demo import DATA, HUB, SHOP, build_demo
from discovery.sandbox.generated_world import Size, generate
from discovery.sandbox.world_file import read_world
from discovery.sweep.scan import scan
from state.records import RememberedState

pytestmark = pytest.mark.slow

SIZE = Size(4, 2, 12)
WORLD = """\
accounts:
  - id: "111122223333"
    regions: {name: eu-west-1}
  - id: "222233334444"
    regions: {name: eu-west-1}
    roles: [{name: other, trusted: "999999999999"}, {name: one, trusted: "111122223333"}]
  - id: "333344445555"
    regions: {name: eu-west-1}
    roles: [{name: two, trusted: "111122223333", external_id: first}]
  - id: "444455556666"
    regions: {name: eu-west-1}
    roles: [{name: three, trusted: "111122223333", external_id: second}]
  - id: "555566667777"
    regions: {name: eu-west-1}
"""


def of_a_file(directory: Path) -> AgentWorld:
    (directory / "world.yaml").write_text(WORLD)
    return read_world(directory / "world.yaml")


@pytest.mark.parametrize(
    ("make", "accounts", "scopes"),
    [
        pytest.param(lambda _: build_demo(), (HUB, SHOP, DATA), 9, id="demonstration"),
        pytest.param(lambda _: generate(SIZE), SIZE.account_ids, 8, id="generated"),
        pytest.param(
            of_a_file,
            ("111122223333", "222233334444", "333344445555", "444455556666"),
            4,
            id="file",
        ),
    ],
)
async def test_every_account_is_read(
    make: Callable[[Path], AgentWorld],
    accounts: tuple[str, ...],
    scopes: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    demo = make(tmp_path)
    file = tmp_path / "cachemuster.yaml"
    file.write_text(f"version: 1\ngroup: trial\n{agent_world.section(demo)}")
    variables = agent_world.external_ids(demo)
    settings = load_config(file).aws
    async with SimulatedAws(demo.world).serve() as url:
        for name, value in environment(demo, url).items():
            monkeypatch.setenv(name, value)
        async with open_cloud(
            settings,
            resolve=lambda reference: resolve_external_id(reference, variables),
            clock=lambda: datetime.now(UTC),
        ) as cloud:
            found = await scan(cloud, scope_filter=ScopeFilter(), state=RememberedState())
    assert all(isinstance(result, Complete) for result in found.results), found.results
    assert len(found.results) == scopes
    assert {result.scope.account_id for result in found.results} == set(accounts)


def test_an_organization_is_one_entry() -> None:
    assert agent_world.section(generate(Size(1000, 1, 0))) == (
        "aws:\n"
        "  accounts:\n"
        '    - {"organization": {"role_name": "cachemuster", "external_id": "env:EXTERNAL_ID"}}\n'
        '  regions: ["*"]\n'
        "reports: {owner_tag: team}\n"
    )
