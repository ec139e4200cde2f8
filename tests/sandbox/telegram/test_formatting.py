"""Markup of bots: what people read, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.sandbox.telegram.formatting import detected, formatted, units
from provisioner.sandbox.telegram.refusals import Refusal


def spans(text: str, mode: str) -> tuple[str, list[tuple[str, str]]]:
    """The plain text, and each entity with the part that it covers."""
    plain, entities = formatted(text, mode)
    wide = plain.encode("utf-16-le")
    cover = [wide[2 * e["offset"] : 2 * (e["offset"] + e["length"])].decode("utf-16-le") for e in entities]
    return plain, [(e["type"], part) for e, part in zip(entities, cover, strict=True)]


@pytest.mark.parametrize(
    ("markup", "plain", "entities"),
    [
        ("<b>a</b> c", "a c", [("bold", "a")]),
        ("😀 <i>x<u>y</u></i>", "😀 xy", [("italic", "xy"), ("underline", "y")]),
        ("1 &lt; 2 &amp; 3 &nope;", "1 < 2 & 3 &nope;", []),
        ('<a href="https://example.com/">here</a>', "here", [("text_link", "here")]),
        ('<pre><code class="language-py">x=1</code></pre>', "x=1", [("pre", "x=1")]),
        ('<span class="tg-spoiler">s</span>', "s", [("spoiler", "s")]),
        ("<blockquote expandable>q</blockquote>", "q", [("expandable_blockquote", "q")]),
        ("  <b> a </b>  ", "a", [("bold", "a")]),
        ("<code>/start</code> /help", "/start /help", [("code", "/start"), ("bot_command", "/help")]),
    ],
)
def test_html(markup: str, plain: str, entities: list[tuple[str, str]]) -> None:
    assert spans(markup, "HTML") == (plain, entities)


@pytest.mark.parametrize(
    ("markup", "plain", "entities"),
    [
        ("*a* _b_", "a b", [("bold", "a"), ("italic", "b")]),
        ("__u__ ~s~ ||p||", "u s p", [("underline", "u"), ("strikethrough", "s"), ("spoiler", "p")]),
        ("*a _b_*", "a b", [("bold", "a b"), ("italic", "b")]),
        (r"1\. \*no\*", "1. *no*", []),
        ("`a*b`", "a*b", [("code", "a*b")]),
        ("```py\nx=1```", "x=1", [("pre", "x=1")]),
        ("[here](https://example.com/a\\))", "here", [("text_link", "here")]),
        (">one\n>two\nthree", "one\ntwo\nthree", [("blockquote", "one\ntwo\n")]),
    ],
)
def test_markdown_v2(markup: str, plain: str, entities: list[tuple[str, str]]) -> None:
    assert spans(markup, "MarkdownV2") == (plain, entities)


def test_the_older_markdown_reserves_nothing() -> None:
    assert spans("*a.* b-c! _d_", "Markdown") == ("a. b-c! d", [("bold", "a."), ("italic", "d")])


@pytest.mark.parametrize(
    ("markup", "mode", "why"),
    [
        ("<b>a", "HTML", 'Can\'t find end tag corresponding to start tag "b"'),
        ("a < b", "HTML", "Unclosed start tag at byte offset 2"),
        ("é <foo>x</foo>", "HTML", 'Unsupported start tag "foo" at byte offset 3'),
        ("a</b>", "HTML", "Unexpected end tag at byte offset 1"),
        ("<b>a</i>", "HTML", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("a.", "MarkdownV2", "Character '.' is reserved and must be escaped with the preceding '\\'"),
        ("é *a", "MarkdownV2", "Can't find end of Bold entity at byte offset 3"),
        ("_a", "Markdown", "Can't find end of Italic entity at byte offset 0"),
    ],
)
def test_broken_markup_is_refused(markup: str, mode: str, why: str) -> None:
    with pytest.raises(Refusal) as refused:
        formatted(markup, mode)
    assert (refused.value.code, refused.value.description) == (
        400,
        f"Bad Request: can't parse entities: {why}",
    )


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(Refusal, match="unsupported parse_mode"):
        formatted("x", "rst")


def test_what_is_found_in_plain_text() -> None:
    found = detected("/start@a_bot ask @ada_l at https://example.com/x. not/this")
    assert [entity["type"] for entity in found] == ["bot_command", "mention", "url"]


@given(st.text())
def test_escaped_text_comes_out_as_it_was(text: str) -> None:
    import html

    expected = text.strip()
    assert formatted(html.escape(text), "HTML")[0] == expected
    escaped = "".join(f"\\{c}" if c in "\\_*[]()~`>#+-=|{}.!" else c for c in text)
    assert formatted(escaped, "MarkdownV2")[0] == expected


@given(st.text(alphabet="ab *_`[]()<>/\\!|~\n😀"), st.sampled_from(["HTML", "MarkdownV2", "Markdown"]))
def test_any_markup_is_parsed_or_refused_and_entities_lie_in_the_text(text: str, mode: str) -> None:
    try:
        plain, entities = formatted(text, mode)
    except Refusal:
        return
    for entity in entities:
        assert entity["length"] > 0
        assert 0 <= entity["offset"] <= entity["offset"] + entity["length"] <= units(plain)
