"""A backup brought back over a real connection: what was there before is kept aside."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from provisioner.backups.errors import BackupError
from provisioner.errors import InputError, RemoteError
from provisioner.runs.restore import ask_to_restore
from provisioner.runs.workflow import RESTORE
from provisioner.step import Done, Failed
from provisioner.steps.restore import RestoreBackup
from tests.backups.assistants import EMAIL, SAID, Site, site
from tests.dying import killed_at

ALONE = replace(RESTORE, steps=(RestoreBackup(),))
"""What comes after it needs a real server: tests/e2e has it."""


@pytest.fixture
def ada(tmp_path: Path) -> Iterator[Site]:
    """With one backup, after which the assistant has forgotten what it was told."""
    with site(tmp_path) as found:
        assert found.run().outcome == Done()
        found.assistant.memory.write_text("nothing")
        yield found


def restore(ada: Site, file: str | None = None) -> object:
    ask_to_restore(ada.workspace, EMAIL, file)
    return ada.run(ALONE).outcome


def kept_aside(ada: Site) -> list[str]:
    """What the assistant knew before each restore, as far as the server has it."""
    places = ada.assistant.home.glob(".openclaw.before-*")
    return [(place / "MEMORY.md").read_text() for place in places]


def demand_restored(ada: Site) -> None:
    assert ada.assistant.memory.read_text() == SAID
    assert kept_aside(ada) == ["nothing"]
    assert not (ada.assistant.home / ".provisioner-restore").exists()
    setup = ada.customer.setup
    assert setup.restore is not None
    assert setup.restore.placed_at is not None
    # The setup goes over it.
    assert not setup.moltbot.installed
    assert ada.assistant.gateway == "stopped"


def test_the_newest_is_brought_back(ada: Site) -> None:
    assert restore(ada) == Done()

    demand_restored(ada)
    assert ada.events[-2:] == ["restore_requested", "backup_restored"]
    assert ada.run(ALONE).outcome == Done()
    demand_restored(ada)


def test_killed_anywhere_it_ends_the_same(tmp_path: Path) -> None:
    for at in range(0, 60, 3):
        with site(tmp_path / str(at)) as ada:
            ada.run()
            ada.assistant.memory.write_text("nothing")
            with killed_at(at) as places:
                restore(ada)
            if "backup_restored" not in ada.events:
                assert restore(ada) == Done()
            demand_restored(ada)
        if at >= len(places):
            break
    assert at >= len(places) > 15


@pytest.mark.parametrize("survives", [0, 1])
def test_a_server_that_dies_while_it_is_put_in_its_place(ada: Site, survives: int) -> None:
    """The first or the second of the two moves is the one that does not happen."""
    move = ada.assistant.home / "bin" / "mv"
    move.write_text(
        '#!/bin/bash\nmoved=$(cat "$HOME/moved" 2> /dev/null || echo 0)\n'
        f'((moved < {survives})) || {{ echo "the power is out" >&2; exit 1; }}\n'
        'echo $((moved + 1)) > "$HOME/moved"\nexec /usr/bin/mv "$@"\n'
    )
    move.chmod(0o755)
    outcome = restore(ada)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, RemoteError)
    move.unlink()

    assert restore(ada) == Done()

    demand_restored(ada)


def test_one_that_is_named(ada: Site) -> None:
    [first] = ada.files
    (ada.folder / "20200101T000000Z.tar.gz").write_bytes((ada.folder / first).read_bytes())
    elsewhere = ada.workspace.root / "copy.tar.gz"
    elsewhere.write_bytes((ada.folder / first).read_bytes())

    for file in (first, "20200101T000000Z.tar.gz", str(elsewhere)):
        ask_to_restore(ada.workspace, EMAIL, file)
        named = ada.customer.setup.restore
        assert named is not None
        assert named.file.endswith(file)
        # It is gone on with, where no other one is named.
        ask_to_restore(ada.workspace, EMAIL, None)
        assert ada.customer.setup.restore == named


def test_one_that_is_not_there(ada: Site) -> None:
    with pytest.raises(InputError, match="there is no nowhere") as caught:
        ask_to_restore(ada.workspace, EMAIL, "nowhere")
    assert ada.files[0] in (caught.value.hint or "")


def test_one_that_was_changed_is_refused_before_anything_is_done(ada: Site) -> None:
    path = ada.folder / ada.files[0]
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(InputError, match="is not what was recorded"):
        ask_to_restore(ada.workspace, EMAIL, None)
    assert ada.customer.setup.restore is None


def test_one_that_is_no_backup(ada: Site, tmp_path: Path) -> None:
    path = tmp_path / "no.tar.gz"
    path.write_text("no")

    with pytest.raises(BackupError, match="it is no whole backup"):
        ask_to_restore(ada.workspace, EMAIL, str(path))


def test_one_of_newer_software_is_refused(ada: Site) -> None:
    ada.set(setup__moltbot__version="2026.9.5")

    with pytest.raises(InputError, match="made by version"):
        ask_to_restore(ada.workspace, EMAIL, None)


def test_one_that_is_changed_after_it_was_asked_for_changes_nothing(ada: Site) -> None:
    ask_to_restore(ada.workspace, EMAIL, None)
    path = ada.folder / ada.files[0]
    path.write_bytes(path.read_bytes() + b"more")

    outcome = ada.run(ALONE).outcome

    assert isinstance(outcome, Failed)
    assert "was changed meanwhile" in str(outcome.error.cause)
    assert ada.assistant.memory.read_text() == "nothing"
    assert ada.assistant.gateway == "started"


def test_the_next_one_keeps_only_what_was_there_last(ada: Site) -> None:
    assert restore(ada) == Done()
    ada.assistant.memory.write_text("nothing")
    with ada.workspace.store().edit(EMAIL) as record:
        record.set("setup.restore", None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("provisioner.runs.restore.now", lambda: "2030-01-01T00:00:00Z")
        assert restore(ada) == Done()

    demand_restored(ada)


def test_nobody_who_has_left_gets_one(ada: Site) -> None:
    ada.set(status="cancelled")

    with pytest.raises(InputError, match="the status is cancelled"):
        ask_to_restore(ada.workspace, EMAIL, None)
