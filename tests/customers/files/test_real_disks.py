"""A disk that is really full, and one that is really read-only, in a mount namespace of their own."""

import os
import subprocess
import sys
from pathlib import Path

from tests.customers.examples import documented, write_old

# Who is not root becomes it in a namespace of their own.
UNSHARE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "bash", "-euc"]

COMMAND = f"{sys.executable} -m provisioner.cli.main --workspace ."
ATTEMPT = f"""
set +e
for words in "note customer@example.com x" "archive customer@example.com" "add new@example.com sub_1"; do
    {COMMAND} $words
    echo "exit $?"
done
{COMMAND} show customer@example.com > /dev/null && echo "readable"
"""


def attempt(folder: Path, mount: str) -> tuple[list[str], str]:
    """Every change to the workspace in `folder` while `mount` holds; the lines of output, and the errors."""
    done = subprocess.run(
        [*UNSHARE, f"{mount}\ncd {folder}\n{ATTEMPT}"], capture_output=True, text=True, check=False
    )
    return done.stdout.splitlines(), done.stderr


def a_workspace(at: Path) -> bytes:
    from provisioner.workspace import init_workspace

    init_workspace(at)
    return write_old(at / "customers" / "active", documented()).read_bytes()


def test_a_read_only_file_system_is_said_and_nothing_is_touched(tmp_path: Path) -> None:
    before = a_workspace(tmp_path)
    lines, errors = attempt(
        tmp_path, f"mount --bind {tmp_path} {tmp_path}; mount -o remount,bind,ro {tmp_path}"
    )
    assert lines == ["exit 1"] * 3 + ["readable"]
    assert errors.count("Read-only file system") == 3
    assert errors.count("make it writable") == 3
    (path,) = (tmp_path / "customers" / "active").iterdir()
    assert path.read_bytes() == before


def test_only_the_records_read_only_is_said_too(tmp_path: Path) -> None:
    before = a_workspace(tmp_path)
    customers = tmp_path / "customers"
    lines, errors = attempt(
        tmp_path, f"mount --bind {customers} {customers}; mount -o remount,bind,ro {customers}"
    )
    assert lines == ["exit 1"] * 3 + ["readable"]
    assert errors.count("Read-only file system") == 3
    (path,) = (customers / "active").iterdir()
    assert path.read_bytes() == before


def test_a_full_disk_is_said_and_nothing_is_touched(tmp_path: Path) -> None:
    a_workspace(tmp_path / "template")
    full = tmp_path / "full"
    full.mkdir()
    mount = (
        f"mount -t tmpfs -o size=256k tmpfs {full}; cp -a {tmp_path}/template/. {full}/;"
        f"cp {full}/customers/active/customer_at_example.com.json {full}/before;"
        # Each lock file of a first try needs no space, so the disk is filled to the last byte.
        f"(dd if=/dev/zero of={full}/filler bs=1k || true) 2>/dev/null"
    )
    compare = "cmp before customers/*/customer_at_example.com.json && echo same"
    script = f"{mount}\ncd {full}\n{ATTEMPT}\n{compare}"
    done = subprocess.run([*UNSHARE, script], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert lines[-2:] == ["readable", "same"]
    # Moving a file takes no space: it may succeed.
    assert (lines[0], lines[2]) == ("exit 1", "exit 1")
    assert done.stderr.count("No space left on device") >= 2
    assert done.stderr.count("free some space") >= 2
