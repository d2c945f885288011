"""Text that acts elsewhere does nothing here: word by word."""

import pytest

from discovery.reports.markdown.text import code, fenced, words
from tests.support.rendered import read_markdown

WORDS = [
    pytest.param("only plain words, 3 of them.", "only plain words, 3 of them.", id="words"),
    pytest.param("ask @octocat now", "ask `@octocat` now", id="mention"),
    pytest.param("see #1 and GH-1", "see `#1` and `GH-1`", id="issue"),
    pytest.param("see org/repo#1", "see `org/repo#1`", id="far-issue"),
    pytest.param("at https://x.example, there", "at `https://x.example`, there", id="link"),
    pytest.param("at www.example.com", "at `www.example.com`", id="www"),
    pytest.param("to a@example.com", "to `a@example.com`", id="mail"),
    pytest.param("as deadbeef or 1234567", "as `deadbeef` or `1234567`", id="commit"),
    pytest.param("<img src=x> here", "`<img src=x>` here", id="html"),
    pytest.param("[text](url) ![a](b)", "`[text](url) ![a](b)`", id="markdown-link"),
    pytest.param(":tada: done", "`:tada`: done", id="emoji"),
    pytest.param("**bold** _thin_", "`**bold** _thin_`", id="emphasis"),
    pytest.param("a | b", "a `\\x7c` b", id="cell"),
    pytest.param("a `b` c", "a `b` c", id="code"),
    pytest.param("run `tsh db connect`, then", "run `tsh db connect`, then", id="more-code"),
    pytest.param("a `b c", "a `` `b `` c", id="a-tick"),
    pytest.param("a `b`@c", "a `` `b`@c ``", id="ticks-in-a-word"),
    pytest.param("a\n\n# b", "`a\\x0a\\x0a#` b", id="lines"),
    pytest.param("$x$ [^1] - [ ]", "`$x$ [^1] - [ ]`", id="mathematics"),
    pytest.param("a\u202eb", "`a\\u202eb`", id="bidi"),
    pytest.param("", "", id="nothing"),
]


@pytest.mark.parametrize(("text", "shown"), WORDS)
def test_words(text: str, shown: str) -> None:
    assert words(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("orders", "`orders`", id="name"),
        pytest.param("a|b", "`a\\x7cb`", id="pipe"),
        pytest.param("a`b", "``a`b``", id="tick"),
        pytest.param("`", "`` ` ``", id="only-a-tick"),
        pytest.param("```", "```` ``` ````", id="a-fence"),
        pytest.param(" a ", "`  a  `", id="spaces"),
        pytest.param("", "` `", id="nothing"),
    ],
)
def test_code(text: str, shown: str) -> None:
    assert code(text) == shown


@pytest.mark.parametrize(
    "text", ["orders", "a`b", "`", "```", "``a`` b `c`", " a ", "*a* <b> &amp;"]
)
def test_code_is_read_back_as_it_was(text: str) -> None:
    assert read_markdown(f"- x {code(text)} y").said(within="code") == text


@pytest.mark.parametrize("text", ["```", "~~~", "````\n```", "a\n```\n# b", "</pre><script>"])
def test_no_line_closes_a_block(text: str) -> None:
    read = read_markdown(f"{fenced(['first', text, 'last'])}\n\nafter")
    assert [tag.name for tag in read.tags] == ["pre", "code", "p"]
    assert read.said(within="code").endswith("last\n")
