"""The Node archive: taken only when its sum is the one that is listed, and the pinned one if there is any."""

import hashlib
import io
import shutil
import tarfile
from pathlib import Path
from typing import Literal

import pytest

from tests.playbooks.tasks import Bench

VERSION = "24.19.0"
ARCHIVE = f"node-v{VERSION}-linux-x64.tar.gz"
SMALLER = ARCHIVE.replace(".gz", ".xz")


def packed(says: str, mode: Literal["w:gz", "w:xz"] = "w:gz") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:
        for name in ("node", "npm", "npx"):
            member = tarfile.TarInfo(f"node/bin/{name}")
            content = f"#!/bin/sh\necho {says}\n".encode()
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.program("uname", "echo x86_64")
    made.program("curl", 'cp "$BENCH/mirror/${!###*/}" "${!###*/}"')
    (tmp_path / "mirror").mkdir()
    (tmp_path / "opt").mkdir()
    (tmp_path / "bin").mkdir()
    return made


def offered(bench: Bench, content: bytes, name: str = ARCHIVE) -> str:
    """What the mirror has, with a list of sums that fits it; its sum."""
    digest = hashlib.sha256(content).hexdigest()
    (bench.folder / "mirror" / name).write_bytes(content)
    (bench.folder / "mirror" / "SHASUMS256.txt").write_text(f"{digest}  {name}\n")
    return digest


def install(bench: Bench, digest: str) -> int:
    moved = {"/opt": bench.folder / "opt", "/usr/local/bin": bench.folder / "bin"}
    return bench.run("openclaw", "Node", moved=moved, node_sha256=digest).returncode


def test_the_archive_with_the_pinned_sum_is_installed(bench: Bench) -> None:
    digest = offered(bench, packed("good"))

    assert install(bench, digest) == 0
    assert "good" in (bench.folder / "bin" / "node").read_text()


def test_the_sum_that_is_pinned_may_be_that_of_the_smaller_archive(bench: Bench) -> None:
    both = offered(bench, packed("bad"))
    digest = offered(bench, packed("good", "w:xz"), SMALLER)
    with (bench.folder / "mirror" / "SHASUMS256.txt").open("a") as sums:
        sums.write(f"{both}  {ARCHIVE}\n")

    assert install(bench, digest) == 0
    assert "good" in (bench.folder / "bin" / "node").read_text()


def test_a_mirror_may_have_the_smaller_archive_only(bench: Bench) -> None:
    offered(bench, packed("good", "w:xz"), SMALLER)

    assert install(bench, "") == 0
    assert "good" in (bench.folder / "bin" / "node").read_text()


def test_a_mirror_whose_list_fits_its_own_archive_is_refused_where_a_sum_is_pinned(bench: Bench) -> None:
    good = offered(bench, packed("good"))
    offered(bench, packed("evil"))

    assert install(bench, good) != 0
    assert not (bench.folder / "bin" / "node").exists()


def test_without_a_pinned_sum_the_list_has_to_do(bench: Bench) -> None:
    offered(bench, packed("good"))
    assert install(bench, "") == 0

    (bench.folder / "mirror" / ARCHIVE).write_bytes(packed("torn"))
    assert install(bench, "") != 0


@pytest.mark.parametrize(("ended", "so"), [(6, True), (22, False)])
def test_names_that_come_late_are_waited_for_and_nothing_else(bench: Bench, ended: int, so: bool) -> None:
    offered(bench, packed("good"))
    bench.program("sleep", "true")
    bench.program(
        "curl",
        f'echo x >> "$BENCH/asked"; (($(wc -l < "$BENCH/asked") > 2)) || exit {ended}'
        '\ncp "$BENCH/mirror/${!###*/}" "${!###*/}"',
    )

    assert (install(bench, "") == 0) is so


def test_one_that_somebody_has_removed_is_brought_again(bench: Bench) -> None:
    offered(bench, packed("good"))
    moved = {"/opt": bench.folder / "opt", "/usr/local/bin": bench.folder / "bin"}

    def is_there() -> bool:
        return bench.run("openclaw", "Node", "unless", moved=moved).returncode == 0

    assert not is_there()
    assert install(bench, "") == 0
    assert is_there()

    shutil.rmtree(bench.folder / "opt" / f"node-v{VERSION}")
    assert not is_there()
    assert install(bench, "") == 0
    assert is_there()
