import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from provisioner.filesystem.flock import hold, take

HOLD = """
import sys
from pathlib import Path
from provisioner.filesystem.flock import hold
file = hold(Path(sys.argv[1]))
print(file is not None, flush=True)
sys.stdin.read()
"""


def test_a_file_is_held_by_one_process_until_that_dies(tmp_path: Path) -> None:
    path = tmp_path / "held"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert hold(path) is None
        began = time.monotonic()
        assert hold(path, wait=0.1) is None
        assert time.monotonic() - began >= 0.1
        other.kill()
        other.wait()
        ours = hold(path, wait=5)
        assert ours is not None
        ours.close()


def test_what_is_held_is_taken_when_it_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "held"
    for wait in (None, 30.0):
        first = hold(path)
        assert first is not None
        letting_go = threading.Timer(0.1, first.close)
        letting_go.start()
        with path.open() as second:
            began = time.monotonic()
            assert take(second.fileno(), wait)
            assert time.monotonic() - began >= 0.05
        letting_go.join()


def test_many_share_what_nobody_has_alone(tmp_path: Path) -> None:
    path = tmp_path / "shared"
    path.touch()
    with path.open() as one, path.open() as other, path.open("a") as alone:
        assert take(one.fileno(), 0, shared=True)
        assert take(other.fileno(), 0, shared=True)
        assert not take(alone.fileno(), 0)
        one.close()
        other.close()
        assert take(alone.fileno(), 0)
        handle = os.open(path, os.O_RDONLY)
        assert not take(handle, 0, shared=True)
        os.close(handle)
