"""The names of customers' files, and of their folders.

An address gives a plain name, the one that the owner's script used: `@` is written `_at_`, and every other
character outside `A-Z a-z 0-9 _ . -` is written `_`. Where that name belongs to another customer already
(`a+b@x.com` and `a_b@x.com` meet in one), a mark made from the address is added behind a `~`, which no
plain name has in it.
"""

import hashlib
import re
from collections.abc import Iterator

from provisioner.customers.addresses import fold

ACTIVE = "active"
ARCHIVE = "archive"
SUFFIX = ".json"
# With the mark, the suffix and what a temporary file adds, a name stays within a file system's 255 bytes.
_LONGEST = 220


def plain_name(email: str) -> str:
    """The name that the owner's script gives; a marked one where it would be too long for a file system."""
    stem = _stem(email)
    return marked_name(email) if len(stem) > _LONGEST else f"{stem}{SUFFIX}"


def marked_name(email: str) -> str:
    """The name for an address whose plain one is taken."""
    mark = hashlib.sha256(fold(email).encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{_stem(email)[:_LONGEST]}~{mark}{SUFFIX}"


def names_for(email: str) -> tuple[str, ...]:
    """Every name that this address's file may have as it is spelled, the likeliest first."""
    return tuple(dict.fromkeys(_names(email)))


def fits(name: str, email: str) -> bool:
    """Whether a file of this name may hold the record of this address, whatever the case of either."""
    return fold(name) in map(fold, _names(email))


def _names(email: str) -> Iterator[str]:
    for text in (email, fold(email)):
        yield plain_name(text)
        yield marked_name(text)


def _stem(email: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", email.replace("@", "_at_"))
