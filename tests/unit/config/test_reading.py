"""Files and texts that are no configuration, and some that only look odd."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from discovery.config.load import MAX_BYTES, load_config
from discovery.config.problems import ConfigError, Problem, dotted
from tests.support.marked_text import BASE, HEAD, MARK, read, refusal, refused_at

NO_FILE = [
    ("empty", b"", "1:1: the file is empty; it needs at least `version: 1` and `group`"),
    ("blank", b"\n\n  \n", "1:1: the file is empty; it needs at least `version: 1` and `group`"),
    ("comments", b"# group: x\n", "1:1: the file is empty; it needs at least"),
    ("a document of nothing", b"---\n...\n", "1:1: the file is empty; it needs at least"),
    ("Latin-1", b"version: 1\ngroup: caf\xe9\n", "2:11: the file is not UTF-8 text"),
    ("UTF-16", "version: 1".encode("utf-16"), "1:1: the file is not UTF-8 text"),
    ("binary", b"\x7fELF\x02\x01\x01\x00", '1:1: the character "\\u007f" is not allowed in YAML'),
    ("NUL", b"version: 1\nx: \x00", '2:4: the character "\\u0000" is not allowed in YAML'),
    ("a list", b"- version: 1", "1:1: a configuration is a mapping"),
    ("a text", b"version 1", "1:1: a configuration is a mapping"),
    ("too large", b"#" * (MAX_BYTES + 1), " the file is larger than 1024 KiB"),
]


@pytest.mark.parametrize(
    ("content", "expected"), [r[1:] for r in NO_FILE], ids=[r[0] for r in NO_FILE]
)
def test_files_that_are_none(tmp_path: Path, content: bytes, expected: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert str(caught.value).startswith(f"{file}:{expected}")
    assert caught.value.file == str(file)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file; name another with --config"):
        load_config(tmp_path / "none.yaml")


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this is a directory"):
        load_config(tmp_path)


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(ConfigError, match="cannot be read: no usable name"):
        load_config(Path("a\0b"))
    with pytest.raises(ConfigError, match="cannot be read: File name too long"):
        load_config(Path("x" * 1000))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(HEAD)
    file.chmod(0)
    with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
        load_config(file)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux's /proc")
def test_a_file_that_fails_while_it_is_read() -> None:
    with pytest.raises(ConfigError, match="cannot be read: Input/output error"):
        load_config(Path("/proc/self/mem"))


def test_endless_files_are_not_read_to_their_end() -> None:
    with pytest.raises(ConfigError, match="larger than"):
        load_config(Path("/dev/zero"))


BROKEN = [
    ("two mappings in a line", "a: b▸: c", "not valid YAML: mapping values are not allowed here"),
    ("tab", "version: 1\n▸\tgroup: x", None),
    ("second document", f"{HEAD}---\n▸a: 1", "a second document begins here; one file holds one"),
    ("too deep", "[" * 31 + "▸" + "[" * 500_000, "nested too deep"),
    (
        "a star without quotes",
        "a: *▸:9808",
        "not valid YAML: while scanning an alias, expected "
        "alphabetic or numeric character, but found ':'; what begins with * or & needs quotes",
    ),
    ("an alias of nothing", "▸*x", "not valid YAML: found undefined alias 'x'"),
    ("an alias of itself", "▸&a [*a]", "aliases make this too large, or refer to themselves"),
    ("an escape beyond Unicode", '{version: 1, group: "▸\\UFFFFFFFF"}', None),
    ("a directive of another YAML", "▸%YAML 2.0\n---\na: 1", None),
    ("a directive beyond numbers", "%YAML 1." + "9" * 5000 + "▸\n---\na: 1", None),
]


@pytest.mark.parametrize(("text", "message"), [r[1:] for r in BROKEN], ids=[r[0] for r in BROKEN])
def test_texts_that_are_no_document(text: str, message: str | None) -> None:
    if message is not None:
        refused_at(text, "", message)
    assert len(refusal(text.replace(MARK, "")).problems) == 1


FORM = [
    ("a list for a key", f"{HEAD}? ▸[a]\n: b", "a key has to be a text"),
    ("a merge key", f"{HEAD}▸<<: {{policy: sync}}",
     "merge keys (<<) are not supported; repeat the keys"),
    ("half a surrogate pair", f'{HEAD}matchers: [{{name: m, tags: {{▸"\\ud800": x}}}}]',
     "the text holds half of a surrogate pair"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), [r[1:] for r in FORM], ids=[r[0] for r in FORM])
def test_forms_that_are_not_used_here(text: str, message: str) -> None:
    problems = [problem.message for problem in refusal(text.replace(MARK, "")).problems]
    assert message in problems


@pytest.mark.parametrize("tag", ["!!python/name:os.system", "!x", "!!binary", "!!set", "!!omap"])
def test_yaml_tags_make_nothing(tag: str) -> None:
    assert f'the YAML tag "{tag}" is not used here' in str(refusal(f"{HEAD}aws: {tag} x"))


def test_an_explicit_text_needs_no_quotes() -> None:
    account = read(f"{HEAD}aws: {{accounts: {{id: !!str 111122223333}}}}").aws.accounts[0]
    assert account.model_dump()["id"] == "111122223333"


@pytest.mark.slow
def test_billions_of_values_by_alias_are_refused_at_once() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    started = time.monotonic()
    assert "aliases make this too large" in str(refusal("\n".join(lines)))
    assert time.monotonic() - started < 20


def test_an_alias_stands_for_its_value() -> None:
    config = read(f"{HEAD}matchers:\n- {{name: a, tags: &t {{env: [x]}}}}\n- {{name: b, tags: *t}}")
    assert config.matchers[0].tags == config.matchers[1].tags == {"env": ("x",)}


@pytest.mark.slow
def test_thousands_of_accounts_are_read_in_seconds() -> None:
    lines = [
        f'    - {{id: "{i:012d}", role_arn: "arn:aws:iam::{i:012d}:role/x", external_id: "env:E"}}'
        for i in range(2000)
    ]
    started = time.monotonic()
    config = read(HEAD + "aws:\n  accounts:\n" + "\n".join(lines))
    assert len(config.aws.accounts) == 2000
    assert time.monotonic() - started < 30


def test_a_byte_order_mark_and_windows_lines_are_welcome(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(b"\xef\xbb\xbfversion: 1\r\ngroup: prod\r\n")
    assert load_config(file).group == "prod"


@pytest.mark.parametrize("indent", [None, 2, "\t"], ids=["one line", "spaces", "tabs"])
def test_json_is_yaml_here(indent: int | str | None) -> None:
    tags = {"smile": ["😀", 'a"b\\c/d\té']}
    data = {"version": 1, "group": "prod", "matchers": [{"name": "m", "tags": tags}]}
    config = read(json.dumps(data, indent=indent))
    assert config.matchers[0].tags == {"smile": ("😀", 'a"b\\c/d\té')}


def test_json_has_places_too() -> None:
    refused_at('{\n\t"version": 1,\n\t"group": ▸7\n}', "group",
               '"7" without quotes is a number to YAML; put it in quotes')  # fmt: skip


PATHS = [
    ((), ""),
    (("aws",), "aws"),
    (("aws", "accounts", 0, "id"), "aws.accounts[0].id"),
    (("matchers", 1, "tags", "cost center"), 'matchers[1].tags["cost center"]'),
    (("matchers", 1, "tags", "a.b", 0), 'matchers[1].tags["a.b"][0]'),
    (("\x1b[0m",), '["\\u001b[0m"]'),
]


@pytest.mark.parametrize(("path", "expected"), PATHS, ids=[p[1] or "root" for p in PATHS])
def test_paths_are_written_as_people_do(path: tuple[str | int, ...], expected: str) -> None:
    assert dotted(path) == expected


def test_a_problem_without_a_line_still_says_where() -> None:
    assert str(Problem("is wrong", ("aws", "regions", 0))) == "aws.regions[0]: is wrong"
    error = ConfigError([Problem("is wrong"), Problem("is wrong")], "c.yaml")
    assert str(error).startswith("is wrong\n1 problem in c.yaml.")


def test_relative_paths_count_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(f"{HEAD}state: {{path: data/../state.db}}")
    config = load_config(file)
    assert config.state.path == tmp_path / "data/../state.db"
    assert config.control_plane.model_dump()["path"] == tmp_path / "registry.db"


def test_absolute_paths_stay() -> None:
    config = read(
        f"{HEAD}state: {{path: /var/lib/c.db}}\n"
        "control_plane: {kind: teleport, address: t:443, identity_file: id}"
    )
    assert config.state.path == Path("/var/lib/c.db")
    assert config.control_plane.model_dump()["identity_file"] == BASE / "id"
