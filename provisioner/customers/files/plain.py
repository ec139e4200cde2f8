"""Reads a record's text that is written as we write it, in a third of the time: for who reads thousands."""

from typing import Any, Final

from msgspec import MsgspecError, json

from provisioner.customers.files import document

_DECODER: Final = json.Decoder(dict[str, Any])
_ENCODER: Final = json.Encoder()
_DIGITS: Final = b"0123456789"
_ALIKE: Final = bytes.maketrans(_DIGITS, b"0" * len(_DIGITS))
_TOO_LONG: Final = b"0" * document.LONGEST_NUMBER


def parse(raw: bytes) -> dict[str, Any]:
    """As `document.parse`."""
    data = parse_plain(raw)
    return document.parse(raw) if data is None else data


def parse_plain(raw: bytes) -> dict[str, Any] | None:
    """What `document.parse` gives for this text; None where that has to be asked, which may refuse it."""
    if _may_have_a_long_number(raw):
        return None
    try:
        data = _DECODER.decode(raw)
        # Of a key that stands twice one is lost here; what can be written in two ways is written in ours.
        if _ENCODER.encode(data) != json.format(raw, indent=-1):
            return None
        if document.may_be_too_deep(raw):
            document.refuse_depth(data)
    except (MsgspecError, ValueError, RecursionError):
        return None
    return data


def _may_have_a_long_number(raw: bytes) -> bool:
    digits = len(raw) - len(raw.translate(None, _DIGITS))
    return digits >= document.LONGEST_NUMBER and _TOO_LONG in raw.translate(_ALIKE)
