"""The one place where text becomes markup, and that it is the only one."""

import base64
import hashlib
import re
from importlib.resources import files
from pathlib import Path

import pytest
from jinja2 import UndefinedError

import discovery.reports.html
from discovery.reports.html.markup import (
    code,
    environment,
    escape_markup,
    message,
    script,
    security_policy,
    style_sheet,
    verbatim,
)

FOLDER = files("discovery.reports.html").joinpath("templates")
TEMPLATES = sorted(each.name for each in FOLDER.iterdir() if each.name.endswith(".html"))


def rendered(source: str, **values: object) -> str:
    return environment().from_string(source).render(**values)


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
    assert escape_markup(given) == markup
    assert rendered("<p>{{ given }}</p>", given=given) == f"<p>{markup}</p>"
    assert rendered('<p id="{{ given }}"></p>', given=given) == f'<p id="{markup}"></p>'


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("{{ given }}", id="value"),
        pytest.param("{% macro a(x) %}{{ x }}{% endmacro %}{{ a(given) }}", id="macro"),
        pytest.param("{% set x %}{{ given }}{% endset %}{{ x }}", id="block"),
        pytest.param("{{ [given, given]|join }}", id="joined"),
        pytest.param("{{ '%s'|format(given) }}", id="formatted"),
        pytest.param("{{ given ~ given }}", id="concatenated"),
        pytest.param("{{ given|replace('z', given) }}", id="replaced"),
        pytest.param("{% macro a(x) %}{{ x }}{% endmacro %}{{ a('') ~ given }}", id="with-markup"),
        pytest.param("{% macro a(x) %}{{ x }}{% endmacro %}{{ a('') + given }}", id="added"),
    ],
)
def test_whatever_a_template_does_with_text_it_stays_text(source: str) -> None:
    given = "<img src=x onerror=y>\x1b[2J\u202e火&\"'"
    shown = rendered(source, given=given)
    assert shown.isascii()
    assert shown.isprintable()
    assert not re.search("[<>\"']", shown)


def test_code_is_cut_in_the_middle() -> None:
    assert code("a" * 20 + "b" * 20, 9) == "<code>aaaaa&#8230;bbb</code>"
    assert code("<") == "<code>&lt;</code>"


def test_what_a_message_sets_in_backticks_is_code() -> None:
    assert message("run `tsh <x>`, `") == "run <code>tsh &lt;x&gt;</code>, `"


def test_nothing_and_numbers() -> None:
    assert rendered("{{ a }}{{ b }}{{ c }}", a=None, b=0, c=3) == "03"


def test_a_name_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="nobody"):
        rendered("{{ nobody }}")


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_neither_run_nor_lead_out_of_the_page(name: str) -> None:
    """No handler, no style of an element's own, no address but a fragment or none."""
    source = FOLDER.joinpath(name).read_text("ascii")
    for attribute, value in re.findall(r'\s([a-z-]+)="([^"]*)', source):
        assert not attribute.startswith("on"), attribute
        assert attribute not in {"style", "src", "action", "formaction", "srcset"}
        assert attribute != "href" or value.startswith("#"), value


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_put_text_out_between_tags_or_in_quotes(name: str) -> None:
    """Not as the name of an element or attribute, nor as a value that a space could end."""
    source = FOLDER.joinpath(name).read_text("ascii")
    without = re.sub(r"(?s){#.*?#}|{%.*?%}", "", source)
    values = re.sub(r"{{.*?}}", "\0", without)
    for tag in re.findall(r"<[^>]*>", values):
        assert "\0" not in re.sub(r'="[^"]*"', "", tag), tag


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_use_nothing_that_takes_text_for_markup(name: str) -> None:
    """Nor do the modules of the page, but for the one that says what markup is."""
    source = FOLDER.joinpath(name).read_text("ascii")
    assert not re.search(r"\|\s*safe|\bMarkup\b|autoescape|\|\s*(tojson|xmlattr|urlize)", source)


def test_only_one_module_makes_markup_of_strings() -> None:
    folder = Path(next(iter(discovery.reports.html.__path__)))
    for module in folder.glob("*.py"):
        assert module.stem == "markup" or "Markup" not in module.read_text("utf-8"), module


@pytest.mark.parametrize("source", ["a</style>", "a<!--b", "é"])
def test_a_source_that_could_end_early_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="cannot be put"):
        verbatim(source)


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
