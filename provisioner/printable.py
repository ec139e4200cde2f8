"""Text that somebody else wrote, made fit to be shown: nothing in it that a terminal would act on."""

import json
import re

# Control characters, C1 too; what turns the direction of text, ends lines, or cannot be seen (tags).
_UNFIT = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_UNFIT_IN_LINES = re.compile(_UNFIT.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))


def clean(text: str) -> str:
    """The text in one line."""
    return text if text.isascii() and text.isprintable() else _UNFIT.sub(" ", text)


def clean_lines(text: str) -> str:
    """The text with its own line ends and tabs."""
    return _UNFIT_IN_LINES.sub(" ", text.replace("\r\n", "\n"))


def clean_json(document: str) -> str:
    """The same JSON document, with what JSON itself lets through written as escapes.

    Only within strings can it hold what is not fit to be shown, but for the line ends between them.
    """
    if document.isascii() and "\x7f" not in document:
        return document
    return _UNFIT_IN_LINES.sub(lambda found: json.dumps(found[0])[1:-1].replace("\x7f", "\\u007f"), document)
