"""The one place where text becomes markup, and that it is the only one."""

import ast
import base64
import hashlib
import re
from pathlib import Path

import pytest

import discovery.reports.html
from discovery.reports.html.assets import script, security_policy, style_sheet
from discovery.reports.html.markup import (
    NOTHING,
    Attribute,
    closed,
    element,
    joined,
    lines,
    opened,
    text,
    verbatim,
)

ROOM = Path(next(iter(discovery.reports.html.__path__)))
MODULES = sorted(ROOM.glob("*.py"))


@pytest.mark.parametrize(
    ("given", "markup"),
    [
        pytest.param("orders", "orders", id="plain"),
        pytest.param("<b>&\"'", "&lt;b&gt;&amp;&quot;&#x27;", id="markup"),
        pytest.param("&lt;", "&amp;lt;", id="escaped-already"),
        pytest.param("a\nb\x1b[2J", "a\\x0ab\\x1b[2J", id="controls"),
        pytest.param("\u202eevil", "\\u202eevil", id="bidi"),
        pytest.param("\ud800", "\\ud800", id="half-a-character"),
        pytest.param("żółw 火", "&#380;&#243;&#322;w &#28779;", id="other-letters"),
    ],
)
def test_text(given: str, markup: str) -> None:
    assert text(given).markup == markup
    assert element("p", given).markup == f"<p>{markup}</p>"
    assert element("p", id=given).markup == f'<p id="{markup}"></p>'


def test_text_is_cut_in_the_middle() -> None:
    assert text("a" * 20 + "b" * 20, limit=9).markup == "aaaaa&#8230;bbb"


def test_elements_nest_and_nothing_is_left_out() -> None:
    inner = element("b", 3, NOTHING, None)
    whole = element("p", inner, " x ", class_="a b", aria_label="<", hidden=True, role=None)
    assert whole.markup == '<p class="a b" aria-label="&lt;" hidden><b>3</b> x </p>'


def test_pieces() -> None:
    assert opened("ul", data_plan="x").markup == '<ul data-plan="x">'
    assert closed("td", "tr").markup == "</td></tr>"
    assert joined(("<", element("br"), None), "&").markup == "&lt;&amp;<br>&amp;"
    assert lines(["a <b>", "c\nd"]).markup == "a &lt;b&gt;\nc\\x0ad"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("href", "https://example.com"),
        ("href", "javascript:alert(1)"),
        ("href", "//example.com"),
        ("src", "data:x"),
        ("action", "x"),
        ("formaction", "x"),
        ("srcset", "x"),
        ("onclick", "x"),
        ("style", "x"),
    ],
)
def test_attributes_that_lead_out_or_run_are_refused(name: str, value: Attribute) -> None:
    with pytest.raises(ValueError, match=name):
        element("a", **{name: value})


@pytest.mark.parametrize("source", ["a</style>", "a<!--b", "é"])
def test_a_source_that_could_end_early_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="cannot stand"):
        verbatim("style", source)


def test_the_policy_names_the_hashes_of_what_stands_in_the_page() -> None:
    policy = security_policy()
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for source, directive in ((style_sheet(), "style-src"), (script(), "script-src")):
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy


def test_style_sheet_and_script_load_nothing() -> None:
    for source in (style_sheet(), script()):
        assert not re.search(r"url\(|@import|fetch|XMLHttp|https?:|innerHTML|eval", source)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_only_one_module_makes_markup_of_strings(module: Path) -> None:
    """Elsewhere nobody calls `Html(…)`, and the names of elements and attributes are literals."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if module.stem != "markup":
            assert node.func.id != "Html", ast.unparse(node)
            if node.func.id in ("element", "opened", "closed", "verbatim"):
                name = node.args[0]
                assert isinstance(name, ast.Constant) or ast.unparse(name) == "level"


def _variables(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


def _light_of(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    lights = sorted((_light_of(one), _light_of(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_words_stand_out_from_what_is_behind_them(scheme: str) -> None:
    """WCAG 2.2 AA: 4.5 to 1 for text, 3 to 1 for what is drawn."""
    css = style_sheet()
    blocks = re.findall(r":root \{(.*?)\}", css, re.S)
    light, dark, printed = (_variables(block) for block in blocks)
    colours = {"light": light, "dark": {**light, **dark}, "print": {**light, **printed}}[scheme]
    for ink in ("ink", "quiet", "link", "good", "bad", "warn", "wait"):
        for paper in ("paper", "card", "sunk"):
            assert _contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
    for kind in ("good", "bad", "warn"):
        assert _contrast(colours[kind], colours[f"{kind}-tint"]) >= 4.5, kind


def test_numbers_and_flags_are_told_apart_however_often_they_come() -> None:
    for _ in range(2):
        assert element("i", x=0).markup == '<i x="0"></i>'
        assert element("i", x=False).markup == "<i></i>"
        assert element("i", x=1).markup == '<i x="1"></i>'
        assert element("i", x=True).markup == "<i x></i>"
