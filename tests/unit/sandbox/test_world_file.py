"""A cloud from a YAML file, and everything that can be wrong with one."""

import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from discovery.cli.sandbox import command
from discovery.sandbox.world_file import WorldError, read_world

NOW = datetime(2026, 11, 23, tzinfo=UTC)

WORLD = """\
accounts:
  - id: "111122223333"
    regions:
      - name: eu-west-1
        subnets: {id: subnet-1, vpc: vpc-1}
        users: [{id: App, access_string: "on ~* +@read"}, {id: ops, authentication: password}]
        groups: [{id: people, users: app}]
        caches:
          - {name: orders, group: people, tags: {env: prod}, age: 2d, subnets: subnet-1}
          - {name: edge, engine: redis, public: true, status: modifying}
      - {name: us-east-1}
  - id: "222233334444"
    roles: [{name: cachemuster, trusted: "111122223333", external_id: demo}]
"""


def written(directory: Path, text: str) -> Path:
    file = directory / "world.yaml"
    file.write_text(text, "utf-8")
    return file


def problems(directory: Path, text: str) -> list[str]:
    with pytest.raises(WorldError) as raised:
        read_world(written(directory, text))
    *found, summary = str(raised.value).splitlines()
    assert summary.endswith("No sandbox was started.")
    return [line.removeprefix(f"{directory}/") for line in found]


def test_everything_a_file_can_say(tmp_path: Path) -> None:
    demo = read_world(written(tmp_path, WORLD), lambda: NOW)
    hub, member = (demo.world.accounts[n] for n in ("111122223333", "222233334444"))
    assert (demo.key.account_id, demo.home) == (hub.id, "eu-west-1")
    assert hub.enabled == {"eu-west-1", "us-east-1"}
    region = hub.region("eu-west-1")
    orders, edge = (region.caches.get(name) for name in ("orders", "edge"))
    assert orders is not None
    assert edge is not None
    assert (orders.engine, orders.user_group_id, orders.subnet_ids) == (
        "valkey",
        "people",
        ("subnet-1",),
    )
    assert orders.created_at == NOW - timedelta(days=2)
    assert region.tags[orders.arn] == {"env": "prod"}
    assert (edge.engine, edge.is_public, edge.status) == ("redis", True, "modifying")
    assert region.subnets["subnet-1"].vpc_id == "vpc-1"
    app, ops = region.users.get("app"), region.users.get("ops")
    assert app is not None
    assert ops is not None
    assert (app.authentication, app.access_string) == ("iam", "on ~* +@read")
    assert ops.authentication == "password"
    group = region.groups.get("people")
    assert group is not None
    assert group.user_ids == ("app",)
    role = member.roles["cachemuster"]
    assert (role.trusted, role.external_id) == (("111122223333",), "demo")
    assert len(member.enabled) == 17, "an account without regions has the default ones"


ORGANIZATION = """\
organization:
  units:
    - {id: ou-ab12-00000001}
    - {id: ou-ab12-00000002, parent: ou-ab12-00000001, accounts: "222233334444"}
accounts:
  - {id: "111122223333", name: platform}
  - id: "222233334444"
  - {id: "333344445555", state: SUSPENDED, name: old}
"""


def test_the_accounts_of_an_organization(tmp_path: Path) -> None:
    world = read_world(written(tmp_path, ORGANIZATION)).world
    organization = world.organization
    assert organization is not None
    assert organization.management == "111122223333"
    assert organization.path("ou-ab12-00000002")[1:] == ("ou-ab12-00000001", organization.root)
    places = {each.account_id: each.parent_id for each in organization.members.values()}
    assert places == {
        "111122223333": organization.root,
        "222233334444": "ou-ab12-00000002",
        "333344445555": organization.root,
    }
    assert organization.members["333344445555"].state == "SUSPENDED"
    names = [each.name for each in organization.members.values()]
    assert names == ["platform", "account 222233334444", "old"]
    assert read_world(written(tmp_path, WORLD)).world.organization is None


def test_the_file_that_the_help_shows_is_one(tmp_path: Path) -> None:
    said = CliRunner().invoke(command, ["--help"]).output
    shown = said.partition("A file for --world")[2].partition("\n")[2].partition("  Examples:")[0]
    world = read_world(written(tmp_path, textwrap.dedent(shown))).world
    assert len(world.account("111122223333").region("eu-central-1").caches) == 2
    assert world.organization is not None


def test_an_organization_that_cannot_be(tmp_path: Path) -> None:
    text = """\
organization:
  units:
    - {id: prod}
    - {id: ou-ab12-00000001, parent: ou-ab12-00000009}
"""
    assert problems(tmp_path, text + 'accounts: {id: "222233334444"}') == [
        'world.yaml:3:12: organization.units[0].id: "prod" is not a unit\'s id: ou-ab12-cdef3456'
    ]
    text = """\
organization:
  units:
    - {id: ou-ab12-00000001, parent: ou-ab12-00000002, accounts: "222233334444"}
    - {id: ou-ab12-00000001, accounts: ["222233334444", "333344445555"]}
accounts: {id: "222233334444"}
"""
    here = "organization.units"
    assert problems(tmp_path, text) == [
        f"world.yaml:3:38: {here}[0].parent: there is no unit ou-ab12-00000002 before this one",
        f"world.yaml:4:12: {here}[1].id: ou-ab12-00000001 is there twice",
        f"world.yaml:4:41: {here}[1].accounts[0]: 222233334444 is in a unit already",
        f"world.yaml:4:57: {here}[1].accounts[1]: 333344445555 is not among the accounts",
    ]


def test_what_does_not_fit_is_said_with_its_place(tmp_path: Path) -> None:
    text = """\
accounts:
  - id: 111122223333
    regoins: []
  - id: "222233334444"
    regions:
      - name: eu-west-1
        caches:
          - {name: orders, age: soon, tags: {a: 1}}
          - {name: carts, engine: mysql}
"""
    assert problems(tmp_path, text) == [
        'world.yaml:2:9: accounts[0].id: "111122223333" without quotes is a number to YAML; '
        "put it in quotes",
        "world.yaml:3:5: accounts[0].regoins: there is no such key (did you mean regions?)",
        'world.yaml:8:33: accounts[1].regions[0].caches[0].age: "soon" is not a duration: a whole '
        "number and one of s, m, h, d, such as 30s, 10m, 2h or 7d",
        'world.yaml:8:49: accounts[1].regions[0].caches[0].tags.a: "1" without quotes is a number '
        "to YAML; put it in quotes",
        'world.yaml:9:35: accounts[1].regions[0].caches[1].engine: "mysql" is not one of redis, '
        "valkey, memcached",
    ]


def test_what_contradicts_itself_is_said_with_its_place(tmp_path: Path) -> None:
    text = """\
accounts:
  - id: "222233334444"
    regions:
      - name: eu-mars-1
        users: [{id: a}, {id: A}]
        groups: [{id: g}, {id: g}]
        caches: [{name: orders, version: "3"}, {name: Orders}]
      - {name: eu-mars-1}
  - id: "222233334444"
"""
    here = "accounts[0].regions[0]"
    assert problems(tmp_path, text) == [
        f"world.yaml:4:15: {here}.name: partition aws has no region eu-mars-1",
        f"world.yaml:5:31: {here}.users[1].id: a is there twice",
        f"world.yaml:6:32: {here}.groups[1].id: g is there twice",
        f"world.yaml:7:42: {here}.caches[0].version: the versions of valkey are 7, 8, 9",
        f"world.yaml:7:55: {here}.caches[1].name: orders is there twice",
        "world.yaml:8:16: accounts[0].regions[1].name: eu-mars-1 is there twice",
        "world.yaml:8:16: accounts[0].regions[1].name: partition aws has no region eu-mars-1",
        "world.yaml:9:9: accounts[1].id: 222233334444 is there twice",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "empty", id="empty"),
        pytest.param("accounts: [", "world.yaml:1", id="no-yaml"),
        pytest.param("accounts: []", "an empty list", id="no-accounts"),
        pytest.param("hello", "a mapping", id="a-text"),
    ],
)
def test_what_is_no_world_at_all(tmp_path: Path, text: str, said: str) -> None:
    [problem] = problems(tmp_path, text)
    assert said in problem


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"accounts: \xff")
    for name, said in (
        ("none.yaml", "No such file"),
        ("latin.yaml", "not UTF-8"),
        (".", "directory"),
    ):
        with pytest.raises(WorldError, match=said):
            read_world(tmp_path / name)
