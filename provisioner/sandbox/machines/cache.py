"""The cache of what takes long to make: each entry is a folder that is complete or is not there."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from provisioner.filesystem.flock import take

Say = Callable[[str], None]

DEFAULT_CACHE: Final = Path("/var/cache/provisioner-sandbox")


def build_once(target: Path, make: Callable[[Path], None], what: str, say: Say) -> None:
    """Let `make` fill a folder that becomes `target`, unless the cache has it.

    `make` gets a path that does not exist yet, in a folder where it may leave other things. Of several
    processes one builds and the others wait for it; what a killed one left is thrown away.
    """
    if target.is_dir():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with _only_builder(target, what, say):
        if target.is_dir():
            return
        begun = time.monotonic()
        say(f"building {what}, once")
        with _workplace(target) as folder:
            make(folder / "new")
            (folder / "new").rename(target)
        say(f"{what} is ready after {time.monotonic() - begun:.0f} s")


@contextmanager
def _only_builder(target: Path, what: str, say: Say) -> Iterator[None]:
    with (target.parent / f".{target.name}.lock").open("w") as held:
        if not take(held.fileno(), 0):
            say(f"another process is building {what}; waiting for it")
            take(held.fileno())
        yield


@contextmanager
def _workplace(target: Path) -> Iterator[Path]:
    prefix = f".{target.name}.building-"
    for left_over in target.parent.glob(f"{prefix}*"):
        shutil.rmtree(left_over)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
