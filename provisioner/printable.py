"""What is printed: text of others made fit to be shown, and command lines fit to be copied into a shell."""

import json
import re
import shlex

# Control characters, C1 too; what turns the direction of text, ends lines, or cannot be seen (tags).
_UNFIT = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_UNFIT_IN_LINES = re.compile(_UNFIT.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))
_everywhere: list[str] = []
_WITHOUT_WORKSPACE = frozenset({"init", "sandbox", "demo"})


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


def choose_everywhere(*options: str) -> None:
    """Options that every printed command needs: the workspace, where the operator has named one."""
    _everywhere[:] = options


def command(name: str, *arguments: str, options: str = "") -> str:
    """`provisioner NAME …` with each argument quoted for a shell, however it was typed in.

    `options` are ours and stay as they are. An argument that looks like an option stands behind `--`.
    """
    quoted = " ".join(map(shlex.quote, arguments))
    guarded = any(argument.startswith("-") and argument != "-" for argument in arguments)
    program = shlex.join(("provisioner", *(() if name in _WITHOUT_WORKSPACE else _everywhere)))
    words = (program, name, options, "--", quoted) if guarded else (program, name, quoted, options)
    return " ".join(filter(None, words))
