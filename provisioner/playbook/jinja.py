"""Jinja as playbooks use it: one environment to check their texts and to render them, and its filters."""

import json
import re
import shlex
from typing import Any, Final

from provisioner.printable import clean

JINJA = re.compile(r"\{[{%#]")
"""What is in every text that is not the same when rendered."""

_LONGEST: Final = 80
_MARKUP: Final = str.maketrans(dict.fromkeys("<>`", " "))
"""What would begin a comment, a tag or code, and with it swallow what stands behind."""


def jinja() -> Any:
    """A new environment."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True
    )
    # Jinja's own one is made for HTML and writes < as \u003c.
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.filters["quote"] = shlex.quote
    environment.filters["datum"] = datum
    return environment


def datum(value: object) -> str:
    """Words of other people, as they may stand in a file that an assistant reads as its own.

    One line of at most 80 characters, without control characters and without markup that goes further.
    """
    text = clean(str(value)[: 20 * _LONGEST]).translate(_MARKUP)
    return " ".join(text.split())[:_LONGEST].rstrip()
