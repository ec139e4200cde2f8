"""Words of other people, as they may stand in a file that an assistant reads as its own."""

from typing import Final

from provisioner.printable import clean

_LONGEST: Final = 80
_MARKUP: Final = str.maketrans(dict.fromkeys("<>`", " "))
"""What would begin a comment, a tag or code, and with it swallow what stands behind."""


def datum(value: object) -> str:
    """One line of at most 80 characters, without control characters and without markup that goes further."""
    text = clean(str(value)[: 20 * _LONGEST]).translate(_MARKUP)
    return " ".join(text.split())[:_LONGEST].rstrip()
