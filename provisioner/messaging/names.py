"""A customer's name in texts; it comes from outside and may be anything."""

import re
import unicodedata

_LONGEST_SPOKEN = 40
_LINK_LIKE = re.compile(r"[@/:\\<>]|\S[.\u3002\uff0e\uff61]\w*[^\W\d_]\w")
"""What a mail program or Telegram would make a link of, which would then be ours."""


def spoken_name(name: str | None) -> str:
    """The first word of a name as we would say it; empty if it is none that we would say."""
    visible = "".join(" " if unicodedata.category(letter)[0] in "ZC" else letter for letter in name or "")
    first = visible.split(maxsplit=1)[0] if visible.strip() else ""
    usable = any(letter.isalpha() for letter in first) and not _LINK_LIKE.search(first)
    return first[:_LONGEST_SPOKEN] if usable else ""
