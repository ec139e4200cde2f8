import fcntl
from pathlib import Path

from provisioner.filesystem.locks import holder_of


def test_a_lock_whose_holder_did_not_sign_is_held_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    assert holder_of(path) is None
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        holder = holder_of(path)
        assert holder is not None
        assert "unknown" in str(holder)
    assert holder_of(path) is None
