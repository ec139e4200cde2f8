"""A backup over a real connection, and what is left when something goes wrong in it."""

import errno
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from provisioner import failpoints
from provisioner.backups.errors import BackupError
from provisioner.backups.folder import BackupFolder, Receiving, digest_of
from provisioner.errors import ConnectionLost, ProvisionerError, RecordError, RemoteError
from provisioner.filesystem.durable import Files
from provisioner.step import Done, Failed
from tests.backups.assistants import EMAIL, SAID, Site, site
from tests.dying import killed_at


@pytest.fixture
def ada(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as found:
        yield found


def failure(ada: Site) -> ProvisionerError:
    outcome = ada.run().outcome
    assert isinstance(outcome, Failed)
    return outcome.error


def test_a_backup_is_fetched_compared_opened_and_recorded(ada: Site) -> None:
    assert ada.run().outcome == Done()

    [entry] = ada.customer.backups
    assert ada.files == [entry.file]
    assert (entry.size, entry.sha256) == (
        (ada.folder / entry.file).stat().st_size,
        digest_of(ada.folder / entry.file),
    )
    assert (entry.version, entry.droplet_id) == ("2026.9.6", "1")
    assert ada.events[-1] == "backup_taken"
    assert ada.assistant.rests == []
    assert ada.assistant.gateway == "started"
    ada.demand_whole()


def test_killed_anywhere_nothing_that_is_there_is_half_and_the_next_one_is_whole(ada: Site) -> None:
    passed = 0
    while True:
        with killed_at(passed) as places:
            ada.run()
        ada.demand_whole()
        assert ada.run().outcome == Done()
        ada.demand_whole()
        assert ".receiving" not in ada.files
        assert ada.assistant.rests == []
        if passed >= len(places):
            break
        passed += 1
    assert passed > 15


def test_a_connection_that_is_lost_while_it_comes_leaves_nothing(ada: Site) -> None:
    # What cannot be packed smaller, so that it comes in many pieces.
    (ada.assistant.state / "media").write_bytes(os.urandom(30_000_000))

    came: list[int] = []
    write = Receiving.write

    def cut(receiving: Receiving, data: bytes) -> None:
        write(receiving, data)
        if not came:
            ada.cut_connections()
        came.append(len(data))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Receiving, "write", cut)
        error = failure(ada)

    assert sum(came) < 30_000_000

    assert isinstance(error, ConnectionLost)
    assert error.retry
    assert ada.files == []
    assert ada.run().outcome == Done()
    ada.demand_whole()


def test_a_disk_that_is_full_here_leaves_those_that_were_there(
    ada: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.run()
    before = ada.files

    class Full(Files):
        def write(self, handle: int, data: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("provisioner.backups.folder.Files", Full)
        error = failure(ada)

    assert isinstance(error, RecordError)
    assert "free some space" in (error.hint or "")
    assert ada.files == before
    ada.demand_whole()


def test_no_room_is_seen_before_anything_is_fetched(ada: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr("provisioner.backups.folder.shutil.disk_usage", lambda _: Usage)

    error = failure(ada)

    assert isinstance(error, BackupError)
    assert "are free at" in str(error.cause)
    assert ada.files == []


def test_a_disk_that_is_full_there_is_said(ada: Site) -> None:
    ada.assistant.fails("tar: write error: No space left on device")

    error = failure(ada)

    assert isinstance(error, RemoteError)
    assert "the server's disk is full" in (error.hint or "")
    assert ada.assistant.rests == []


def test_what_comes_and_is_not_what_the_server_has_is_not_kept(ada: Site) -> None:
    def watch(place: str) -> None:
        if place == "before a backup is received":
            path = ada.assistant.home / ".provisioner-backup" / "backup"
            whole = path.read_bytes()
            path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failpoints, "watch", watch)
        error = failure(ada)

    assert isinstance(error, BackupError)
    assert error.retry
    assert ada.files == []
    assert ada.customer.backups == ()


def test_a_server_that_sends_without_end_is_not_listened_to(ada: Site) -> None:
    def watch(place: str) -> None:
        if place == "before a backup is received":
            path = ada.assistant.home / ".provisioner-backup" / "backup"
            path.unlink()
            path.symlink_to("/dev/zero")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failpoints, "watch", watch)
        error = failure(ada)

    assert "more than any answer has" in str(error.cause)
    assert ada.files == []


def test_one_that_is_larger_than_the_settings_allow(tmp_path: Path) -> None:
    with site(tmp_path, backup={"largest_megabytes": 1}) as ada:
        (ada.assistant.state / "media").write_bytes(os.urandom(2_000_000))

        error = failure(ada)

        assert "largest_megabytes allows 1" in str(error.cause)
        assert ada.files == []


def test_those_that_the_policy_does_not_keep_go_and_no_other_file(tmp_path: Path) -> None:
    with site(tmp_path, backup={"daily": 2, "weekly": 0}) as ada:
        ada.run()
        [first] = ada.files
        whole = (ada.folder / first).read_bytes()
        for days in (1, 2, 3):
            name = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y%m%dT%H%M%SZ.tar.gz")
            (ada.folder / name).write_bytes(whole)
        (ada.folder / "notes.txt").write_text(SAID)
        with pytest.MonkeyPatch.context() as patch:
            moment = datetime.now(UTC) + timedelta(seconds=5)
            patch.setattr("provisioner.steps.backup.present", lambda: moment)
            assert ada.run().outcome == Done()

        assert len(ada.files) == 3
        assert "notes.txt" in ada.files
        assert first not in ada.files
        assert [one.file for one in ada.customer.backups] == [ada.files[1]]


def test_one_of_the_same_second_is_not_replaced_and_a_later_one_is_not_older(ada: Site) -> None:
    moment = datetime(2026, 11, 28, 3, tzinfo=UTC)
    folder = BackupFolder(ada.folder.parent, ada.customer.id, EMAIL)
    ada.folder.mkdir(parents=True)
    (ada.folder / "20261128T030000Z.tar.gz").touch()

    assert folder.next_name(moment) == "20261128T030001Z.tar.gz"
    assert folder.next_name(moment - timedelta(days=1)) == "20261128T030001Z.tar.gz"
    assert folder.next_name(moment + timedelta(days=1)) == "20261129T030000Z.tar.gz"


def test_the_last_one_of_a_server_that_was_lost_stays(ada: Site) -> None:
    ada.run()
    ada.run()
    [good] = ada.files
    ada.set(setup__droplet__id="2", setup__moltbot__dropletId="2")

    ada.run()
    ada.run()

    assert len(ada.files) == 2
    assert ada.files[0] == good
    assert [one.file for one in ada.customer.backups] == ada.files
