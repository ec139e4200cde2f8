"""What the model says: words that show that it read what the person wrote, and whom it serves."""

import re

_EXACT = re.compile(
    r"(?i)(?:reply|respond|answer)\s+(?:with\s+)?(?:exactly|only)(?:\s+with)?:?\s+[`\"']?([A-Z][A-Z_]{2,40})\b"
)
_INTRODUCTION = re.compile(r"(?i:\b(?:my name is|i am called|call me))\s+([^\W\d_][\w'’-]*)")
_NAME_LINE = re.compile(
    r"(?im)^[\s>*_-]*(?:what to call them|preferred name|customer(?:'s)? name|name)[\s*_]*:[\s*_]*"
    r"([^\W\d_][^\n*_<>()]{0,60})$"
)
_USER_FILE = re.compile(r"(?im)^#+ .*\bUSER\.md\b.*$")
_HEADING_OF_FILE = re.compile(r"(?im)^#+ .*\b[A-Z]+\.md\b.*$")


def answer_to(system: str, text: str) -> str:
    """The same words for the same request. Told to say one given word, it says that word."""
    exact = _EXACT.search(text)
    if exact:
        return exact.group(1)
    words = spoken(text)
    name = _INTRODUCTION.search(words)
    called = name.group(1) if name else name_in(system)
    greeting = f"Hello, {called}!" if called else "Hello!"
    if not words:
        return f"{greeting} I am here. What can I do for you?"
    return f"{greeting} You wrote: “{words}”. I have read it, and I am here to help."


def name_in(system: str) -> str | None:
    """The name of the person that the prompt speaks of: of its USER.md when it carries one."""
    section = system
    start = _USER_FILE.search(system)
    if start:
        end = _HEADING_OF_FILE.search(system, start.end())
        section = system[start.end() : end.start() if end else len(system)]
    found = _NAME_LINE.search(section)
    return found.group(1).strip() if found else None


def spoken(text: str) -> str:
    """The person's own words, without what the assistant's gateway writes around them."""
    return text.strip()
