"""Text with markup, as bots send it, into the plain text and entities that people get.

Offsets and lengths count UTF-16 units, offsets in refusals count bytes of the given text, both as the
Bot API has them. What it detects by itself (commands, mentions, links) is found here as well.
"""

import html
import re
from dataclasses import dataclass, field
from typing import Any

from provisioner.sandbox.telegram.refusals import bad_request

Entity = dict[str, Any]

_HTML_STYLES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "tg-emoji": "custom_emoji",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}
_TAG = re.compile(r"<(?P<slash>/?)(?P<name>[a-zA-Z0-9-]*)(?P<rest>(?:[^>\"']|\"[^\"]*\"|'[^']*')*)>")
_ATTRIBUTE = re.compile(r"([a-zA-Z-]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"']+)))?")
_REFERENCE = re.compile(r"&(?:lt|gt|amp|quot|#\d{1,7}|#x[0-9a-fA-F]{1,6});")
_MARKS_V2 = {
    "```": "pre",
    "||": "spoiler",
    "__": "underline",
    "![": "custom_emoji",
    "*": "bold",
    "_": "italic",
    "~": "strikethrough",
    "`": "code",
    "[": "text_link",
}
_MARKS_OLD = {"```": "pre", "*": "bold", "_": "italic", "`": "code", "[": "text_link"}
_RESERVED_V2 = "_*[]()~`>#+-=|{}.!"
_TITLES = {"strikethrough": "Strikethrough", "text_link": "TextUrl", "custom_emoji": "CustomEmoji"}
_DETECTED = (
    ("bot_command", re.compile(r"(?<![\w/@])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/])")),
    ("mention", re.compile(r"(?<![\w@/])@[A-Za-z][A-Za-z0-9_]{3,31}(?!\w)")),
    ("url", re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)\]]")),
)


def formatted(text: str, parse_mode: str) -> tuple[str, list[Entity]]:
    """The text that people read and its entities. Raises Refusal for markup that does not parse."""
    mode = parse_mode.lower()
    if mode in ("", "none"):
        return _finished(text, [])
    if mode == "html":
        return _finished(*_from_html(text))
    if mode in ("markdownv2", "markdown"):
        return _finished(*_Markdown(text, v2=mode == "markdownv2").read())
    raise bad_request("unsupported parse_mode")


def detected(text: str) -> list[Entity]:
    """The entities that Telegram finds in plain text."""
    found = [
        {"type": kind, "offset": units(text[: match.start()]), "length": units(match.group())}
        for kind, pattern in _DETECTED
        for match in pattern.finditer(text)
    ]
    return sorted(found, key=lambda entity: entity["offset"])


def units(text: str) -> int:
    """Its length as Telegram counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _finished(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Without the white space around the text, and with what Telegram finds by itself."""
    cut = units(text) - units(text.lstrip())
    text = text.strip()
    end = units(text)
    kept = []
    for entity in entities:
        start = max(0, entity["offset"] - cut)
        length = min(end, entity["offset"] + entity["length"] - cut) - start
        if length > 0:
            kept.append({**entity, "offset": start, "length": length})
    kept += [entity for entity in detected(text) if not _overlaps(entity, kept)]
    return text, sorted(kept, key=lambda entity: (entity["offset"], -entity["length"]))


def _overlaps(entity: Entity, others: list[Entity]) -> bool:
    """Telegram finds nothing inside code and links; we leave out all that crosses them."""
    closed = [other for other in others if other["type"] in ("code", "pre", "text_link")]
    start, end = entity["offset"], entity["offset"] + entity["length"]
    return any(start < other["offset"] + other["length"] and other["offset"] < end for other in closed)


def _unparsable(why: str) -> Exception:
    return bad_request(f"can't parse entities: {why}")


@dataclass
class _Output:
    """Plain text so far, and what is open in it."""

    text: str = ""
    entities: list[Entity] = field(default_factory=list)

    def add(self, entity_type: str, start: int, **more: Any) -> None:
        length = units(self.text) - start
        if length:
            self.entities.append({"type": entity_type, "offset": start, "length": length, **more})


def _from_html(source: str) -> tuple[str, list[Entity]]:
    out = _Output()
    stack: list[tuple[str, int, dict[str, str]]] = []
    at = 0
    while at < len(source):
        if source[at] == "<":
            at = _html_tag(source, at, out, stack)
        else:
            end = source.find("<", at)
            end = len(source) if end < 0 else end
            out.text += _REFERENCE.sub(lambda match: html.unescape(match.group()), source[at:end])
            at = end
    if stack:
        raise _unparsable(f'Can\'t find end tag corresponding to start tag "{stack[-1][0]}"')
    return out.text, out.entities


def _html_tag(source: str, at: int, out: _Output, stack: list[tuple[str, int, dict[str, str]]]) -> int:
    offset = len(source[:at].encode())
    tag = _TAG.match(source, at)
    if tag is None:
        kind = "end" if source.startswith("</", at) else "start"
        raise _unparsable(f"Unclosed {kind} tag at byte offset {offset}")
    name = tag["name"].lower()
    if tag["slash"]:
        _html_end(name, offset, out, stack)
    elif name not in _HTML_STYLES or not _attributes_fit(name, _attributes(tag["rest"])):
        raise _unparsable(f'Unsupported start tag "{name}" at byte offset {offset}')
    else:
        stack.append((name, units(out.text), _attributes(tag["rest"])))
    return tag.end()


def _html_end(name: str, offset: int, out: _Output, stack: list[tuple[str, int, dict[str, str]]]) -> None:
    if not stack:
        raise _unparsable(f"Unexpected end tag at byte offset {offset}")
    opened, start, attributes = stack.pop()
    if name not in ("", opened):
        raise _unparsable(
            f'Unmatched end tag at byte offset {offset}, expected "</{opened}>", found "</{name}>"'
        )
    language = attributes.get("class", "").removeprefix("language-")
    if opened == "code" and stack and stack[-1][0] == "pre" and stack[-1][1] == start:
        stack[-1][2]["language"] = language
    elif opened == "a":
        _add_link(out, start, attributes.get("href", ""))
    elif opened == "pre":
        out.add(
            "pre", start, **{key: value for key, value in attributes.items() if key == "language" and value}
        )
    elif opened == "blockquote" and "expandable" in attributes:
        out.add("expandable_blockquote", start)
    elif opened == "tg-emoji":
        out.add("custom_emoji", start, custom_emoji_id=attributes["emoji-id"])
    else:
        out.add(_HTML_STYLES[opened], start)


def _attributes(rest: str) -> dict[str, str]:
    return {
        name.lower(): html.unescape(double or single or bare)
        for name, double, single, bare in _ATTRIBUTE.findall(rest)
    }


def _attributes_fit(name: str, attributes: dict[str, str]) -> bool:
    if name == "span":
        return attributes.get("class") == "tg-spoiler"
    return name != "tg-emoji" or "emoji-id" in attributes


def _add_link(out: _Output, start: int, url: str) -> None:
    """A link without a usable address stays plain text, as in Telegram."""
    if re.match(r"(?i)tg://user\?id=\d+$", url):
        out.add("text_mention", start, user_id=int(url.rpartition("=")[2]))
    elif re.match(r"(?i)(https?|tg|ton|mailto|tel):|[\w-]+(\.[\w-]+)+", url):
        out.add("text_link", start, url=url)


class _Markdown:
    """Reads MarkdownV2, or the older Markdown, in which nothing nests and nothing is reserved."""

    def __init__(self, source: str, *, v2: bool) -> None:
        self._source = source
        self._v2 = v2
        self._marks = _MARKS_V2 if v2 else _MARKS_OLD
        self._out = _Output()
        self._open: list[tuple[str, int, int]] = []
        self._at = 0
        self._quote: int | None = None

    def read(self) -> tuple[str, list[Entity]]:
        while self._at < len(self._source):
            self._step()
        self._end_quote()
        if self._open:
            mark, _, offset = self._open[-1]
            title = _TITLES.get(self._marks[mark], self._marks[mark].capitalize())
            raise _unparsable(f"Can't find end of {title} entity at byte offset {offset}")
        return self._out.text, self._out.entities

    def _step(self) -> None:
        source, at = self._source, self._at
        if source[at] == "\\" and at + 1 < len(source) and self._escapable(source[at + 1]):
            self._take(2, source[at + 1])
        elif self._open and source.startswith(self._closing(self._open[-1][0]), at):
            self._close()
        elif self._open and (self._in_code() or not self._v2):
            self._take(1, source[at])
        elif self._v2 and source[at] == ">" and (at == 0 or source[at - 1] == "\n"):
            self._quote = units(self._out.text) if self._quote is None else self._quote
            self._at += 1
        elif mark := next((mark for mark in self._marks if source.startswith(mark, at)), None):
            self._begin(mark)
        elif self._v2 and source[at] in _RESERVED_V2:
            raise _unparsable(
                f"Character '{source[at]}' is reserved and must be escaped with the preceding '\\'"
            )
        else:
            self._take(1, source[at])

    def _take(self, length: int, text: str) -> None:
        self._at += length
        self._out.text += text
        if text == "\n" and not self._source.startswith(">", self._at):
            self._end_quote()

    def _begin(self, mark: str) -> None:
        self._open.append((mark, units(self._out.text), len(self._source[: self._at].encode())))
        self._at += len(mark)

    def _close(self) -> None:
        mark, start, _ = self._open.pop()
        self._at += len(self._closing(mark))
        kind = self._marks[mark]
        if kind in ("text_link", "custom_emoji"):
            self._close_link(kind, start)
        elif kind == "pre":
            self._close_pre(start)
        else:
            self._out.add(kind, start)

    def _close_link(self, kind: str, start: int) -> None:
        target = re.compile(r"\(((?:\\.|[^)\\])*)\)").match(self._source, self._at)
        if target is None:
            if kind == "custom_emoji":
                raise _unparsable("Custom emoji entity must contain a tg://emoji URL")
            return
        self._at = target.end()
        url = re.sub(r"\\(.)", r"\1", target.group(1))
        if kind == "custom_emoji":
            self._out.add(kind, start, custom_emoji_id=url.rpartition("=")[2])
        else:
            _add_link(self._out, start, url)

    def _close_pre(self, start: int) -> None:
        """The first line of a block, if it is one word, is its language."""
        before, block = _split_units(self._out.text, start)
        first, newline, rest = block.partition("\n")
        language = first if newline and re.fullmatch(r"\S+", first) else ""
        self._out.text = before + (rest if language or not first else block)
        self._out.add("pre", start, **({"language": language} if language else {}))

    def _end_quote(self) -> None:
        if self._quote is not None:
            self._out.add("blockquote", self._quote)
            self._quote = None

    def _escapable(self, character: str) -> bool:
        if not self._v2:
            return not self._open and character in "_*`["
        return 0 < ord(character) < 127 and (not self._in_code() or character in "`\\")

    def _in_code(self) -> bool:
        return bool(self._open) and self._open[-1][0] in ("`", "```")

    @staticmethod
    def _closing(mark: str) -> str:
        return "]" if mark.endswith("[") else mark


def _split_units(text: str, at: int) -> tuple[str, str]:
    encoded = text.encode("utf-16-le")
    return encoded[: 2 * at].decode("utf-16-le"), encoded[2 * at :].decode("utf-16-le")
