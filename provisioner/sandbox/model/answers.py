"""What the model says: words that show that it read what the person wrote, and whom it serves."""

import re
from collections.abc import Iterator, Sequence

_EXACT = re.compile(
    r"(?i:(?:reply|respond|answer)\s+(?:with\s+)?(?:exactly|only)(?:\s+with)?):?\s+[`\"']?([A-Z][A-Z_]{2,40})\b"
)
_INTRODUCTION = re.compile(r"(?i:\b(?:my name is|i am called|call me))\s+([^\W\d_][\w'’-]*)")
_TOLD = re.compile(
    r"(?i:\bmy\s+([\w][\w ]{0,40}?)\s+(?:is\s+called|is))\s+([^\s.,;:!?“”\"][^\n.;:!?“”\"]{0,60})"
)
_QUESTION = re.compile(r"(?i:\bwhat(?:\s+is|['’]s)\s+my\s+([\w][\w ]{0,40}?)(\s+called)?\s*\?)")
_NAME_LINES = tuple(
    re.compile(rf"(?im)^[ \t>*_-]*(?:{label})[ \t*_]*:[ \t*_]*([^\W\d_][^\n*_<>()]{{0,60}}?)[ \t*_]*$")
    for label in ("what to call them|preferred name", "name|customer|customer(?:'s)? name")
)
_USER_FILE = re.compile(r"(?m)^#+ .*\bUSER\.md\b.*$")
_OTHER_FILE = re.compile(r"(?m)^#+ .*\b(?!USER\.md)[A-Z]+\.md\b.*$")
_SENDER = re.compile(r'"sender":\s*\{[^{}]*?"name":\s*"([^"\\]{1,64})"')
# What OpenClaw's gateway (2026.9.6, seen on the wire) writes around and beside a person's words.
_AROUND = (
    re.compile(r"(?s)<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>.*?<<<END_OPENCLAW_INTERNAL_CONTEXT>>>"),
    re.compile(r"(?s)\A\s*\[[^\]\n]{8,60}\](?=\s)"),
    re.compile(r"(?s)\A\s*Conversation info: ⟦openclaw:ctx⟧\s*```json.*?```"),
)


def answer_to(system: str, texts: Sequence[str]) -> str:
    """The same words for the same request: `texts` are what the user's side said, oldest first.
    Told to reply with one given word, it says that word. Asked what something of theirs is ("What is my dog
    called?"), it says what they have told of it in the same conversation ("My dog is called Rex"), or that
    they have not: so it shows what of a conversation it is sent."""
    words = next((words for text in reversed(texts) if (words := spoken(text))), "")
    exact = _EXACT.search(words)
    if exact:
        return exact.group(1)
    question = _QUESTION.search(words)
    if question:
        return _remembered(question.group(1), question.group(2) or "", texts)
    called = name_of_person(system, texts, words)
    greeting = f"Hello, {called}!" if called else "Hello!"
    if not words:
        return f"{greeting} I am here. What can I do for you?"
    return f"{greeting} You wrote: “{words}”. I have read it, and I am here to help."


def _remembered(thing: str, called: str, texts: Sequence[str]) -> str:
    """What was last told of this thing of theirs."""
    told = [found.groups() for text in texts for found in _TOLD.finditer(spoken(text))]
    of_it = [what.strip() for what_of, what in told if what_of.lower() == thing.lower()]
    if not of_it:
        return f"You have not told me what your {thing} is{called}."
    return f"Your {thing} is{called} {of_it[-1]}."


def spoken(text: str) -> str:
    """The person's own words, without what the assistant's gateway writes around them."""
    for pattern in _AROUND:
        text = pattern.sub("", text)
    return text.strip()


def name_of_person(system: str, texts: Sequence[str], words: str) -> str | None:
    """As they introduced themselves, as USER.md in the prompt has it, or as the messenger names them."""
    introduced = _INTRODUCTION.search(words)
    if introduced:
        return introduced.group(1)
    return name_in(system) or next(
        (found.group(1) for text in texts if (found := _SENDER.search(text))), None
    )


def name_in(system: str) -> str | None:
    """The name in the prompt: that of its USER.md when it carries one."""
    for section in _sections(system):
        for pattern in _NAME_LINES:
            if found := pattern.search(section):
                return found.group(1)
    return None


def _sections(system: str) -> Iterator[str]:
    """What stands under each heading of USER.md; the whole prompt when there is none."""
    starts = [match.end() for match in _USER_FILE.finditer(system)]
    for start in starts:
        end = _OTHER_FILE.search(system, start)
        yield system[start : end.start() if end else len(system)]
    if not starts:
        yield system
