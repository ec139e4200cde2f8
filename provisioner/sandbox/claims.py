"""What the sandboxes of one host share: the address ranges that each has, and the switch for forwarding.

The book lies where a restart of the host empties it; a claim counts while the sandbox's bridge exists.
"""

import fcntl
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

from provisioner.errors import SandboxError
from provisioner.sandbox import host

FOLDER: Final = Path("/run/provisioner-sandbox")
_FORWARDING: Final = Path("/proc/sys/net/ipv4/ip_forward")


@dataclass
class Book:
    """Ranges by the stem of the sandbox that has each, and how forwarding stood before the first of them."""

    ranges: dict[str, str] = field(default_factory=dict)
    forwarding_was: str | None = None


@contextmanager
def opened(folder: Path = FOLDER) -> Iterator[Book]:
    """The book, for one process at a time; what is changed in it is kept, unless the block raises."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = folder / "claims.json"
        book = Book(**json.loads(path.read_text())) if path.exists() else Book()
        yield book
        written = path.with_suffix(".new")
        written.write_text(json.dumps(asdict(book)))
        written.replace(path)


def choose(pool: IPv4Network, taken: Iterable[IPv4Network]) -> IPv4Network:
    """The first /24 of `pool` that overlaps with none of `taken`."""
    occupied = list(taken)
    for candidate in pool.subnets(new_prefix=24):
        if not any(candidate.overlaps(other) for other in occupied):
            return candidate
    raise SandboxError(
        "start the sandbox",
        cause=f"no /24 of {pool} is free on this machine",
        hint="stop another sandbox, or choose another pool of addresses",
    )


def forget_dead(book: Book) -> None:
    """Drop the claims whose bridge is gone."""
    links = {link["ifname"] for link in json.loads(host.run("ip", "-json", "link", "show"))}
    book.ranges = {stem: taken for stem, taken in book.ranges.items() if stem in links}


def switch_forwarding_on(book: Book) -> None:
    now = _FORWARDING.read_text().strip()
    if book.forwarding_was is None:
        book.forwarding_was = now
    if now != "1":
        _FORWARDING.write_text("1")


def restore_forwarding(book: Book) -> None:
    """Put forwarding back as it was, once no sandbox needs it."""
    if book.ranges or book.forwarding_was is None:
        return
    if book.forwarding_was != "1":
        _FORWARDING.write_text(book.forwarding_was)
    book.forwarding_was = None
