"""An upgrade, from the request to the version that may stay: forwards, back, and killed anywhere."""

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from provisioner.errors import InputError, ProvisionerError, RemoteError
from provisioner.runs.workflow import APPLY, PAUSE, PROVISION, RESTORE, Workflow
from provisioner.step import Done, Failed
from tests.backups.assistants import EMAIL
from tests.dying import killed_at
from tests.steps.upgraders import NEW, OLD, Upgrader, upgrader


@pytest.fixture
def ada(tmp_path: Path) -> Iterator[Upgrader]:
    with upgrader(tmp_path) as found:
        yield found


def failure(ada: Upgrader, version: str | None = NEW) -> ProvisionerError:
    outcome = ada.run(version).outcome
    assert isinstance(outcome, Failed), outcome
    return outcome.error


def test_the_new_version_runs_with_what_the_assistant_knew(ada: Upgrader) -> None:
    assert ada.run().outcome == Done()

    ada.demand(NEW)
    assert ada.events == ["upgrade_begun", "upgraded"]
    assert ada.starts == [NEW]
    called = ada.assistant.called
    backed_up = next(at for at, line in enumerate(called) if line.startswith("openclaw backup create"))
    installed = next(at for at, line in enumerate(called) if line.startswith("npm install"))
    stopped = next(at for at, line in enumerate(called) if "disable --now" in line)
    assert backed_up < installed < stopped
    assert [one.by for one in ada.customer.timeline if one.event == "upgraded"] != [None]
    before = ada.site.workspace.store().read(EMAIL).data
    assert ada.run(None).outcome == Done()
    assert ada.site.workspace.store().read(EMAIL).data == before


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("start", "it does not start: SyntaxError: it was never tried"),
        ("says it is the old one", f"the gateway says that it is {OLD}, and not {NEW}"),
        ("channel", "telegram was connected before, and is not"),
        ("health", "the memory plugin is broken"),
        ("ready", "the gateway is not ready"),
        ("answer", "it does not answer: HTTP 500"),
    ],
)
def test_a_version_that_fails_a_gate_goes_and_the_old_one_is_as_it_was(
    ada: Upgrader, fault: str, words: str
) -> None:
    ada.breaks(NEW, fault)

    error = failure(ada)

    assert isinstance(error, RemoteError)
    assert words in str(error.cause)
    assert error.exit_code == 1
    ada.demand(OLD)
    # What the new version wrote into the state is gone with it.
    assert ada.starts == [OLD]
    assert ada.events == ["upgrade_begun", "upgrade_refused", "upgrade_failed"]
    assert words in str(ada.customer.timeline[-1].details)


def killed_while_upgrading(folder: Path, at: int, fault: str) -> list[str]:
    """A death at that failpoint; then the same command again, or the worker, in turn. What was passed."""
    with upgrader(folder) as ada:
        if fault:
            ada.breaks(NEW, fault)
        with killed_at(at) as places:
            ada.run()
        begun = ada.customer.setup.upgrade is not None
        if begun or not ada.events or ada.events[-1] == "upgrade_begun":
            ada.run(None if begun and at % 2 else NEW)
        ada.demand(OLD if fault else NEW)
        assert ada.starts == [OLD if fault else NEW] * len(ada.starts)
        assert ada.events.count("upgrade_failed" if fault else "upgraded") == 1
    return places


@pytest.mark.parametrize("fault", ["", "answer"])
def test_killed_anywhere_it_ends_the_same(tmp_path: Path, fault: str) -> None:
    for at in count(0, 17):
        if at >= len(killed_while_upgrading(tmp_path / str(at), at, fault)):
            break
    assert at > (60 if fault else 40)


@pytest.mark.parametrize(
    ("place", "phase"),
    [
        ("after a version is installed", "preparedAt"),
        ("after the assistant is stopped", "switchedAt"),
        ("after the versions are switched", "switchedAt"),
        ("after the gates", "passedAt"),
    ],
)
def test_a_connection_that_is_lost_decides_nothing(ada: Upgrader, place: str, phase: str) -> None:
    del phase
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "provisioner.failpoints.watch", lambda at: ada.site.cut_connections() if at == place else None
        )
        first = ada.run().outcome
    upgrade = ada.customer.setup.upgrade
    assert upgrade is None or upgrade.failed is None

    assert isinstance(first, Done | Failed)
    assert ada.run().outcome == Done()
    ada.demand(NEW)


def test_what_was_wrong_before_is_no_fault_of_the_new_version(ada: Upgrader) -> None:
    (ada.home / "faults").write_text(f'{{"{OLD}": "answer", "{NEW}": "answer"}}')

    assert ada.run().outcome == Done()

    ada.demand(NEW)


def test_a_version_that_starts_when_its_doctor_has_mended_the_state_stays(ada: Upgrader) -> None:
    ada.breaks(NEW, "mendable")

    assert ada.run().outcome == Done()

    ada.demand(NEW)
    assert "openclaw doctor --fix --non-interactive --yes" in ada.assistant.called


def test_channels_plugins_move_with_the_program_and_back(ada: Upgrader) -> None:
    folder = ada.assistant.state / "npm" / "projects" / "first" / "node_modules" / "@openclaw" / "discord"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(f'{{"name": "@openclaw/discord", "version": "{OLD}"}}')
    newer = ada.assistant.state / "npm" / "projects" / "new"
    ada.breaks(NEW, "channel")

    failure(ada)
    assert not newer.exists()
    assert f"openclaw plugins update @openclaw/discord@{NEW}" in ada.assistant.called
    ada.mended()
    assert ada.run().outcome == Done()

    assert newer.exists()
    ada.demand(NEW)


def test_an_old_version_that_does_not_work_either_is_tried_again(ada: Upgrader) -> None:
    ada.breaks(NEW, "start")
    with pytest.MonkeyPatch.context() as patch:

        def watch(place: str) -> None:
            if place == "after the old version has come back":
                ada.breaks(OLD, "channel")

        patch.setattr("provisioner.failpoints.watch", watch)
        error = failure(ada)

    assert f"{OLD} is back, but telegram was connected before, and is not" in str(error.cause)
    assert ada.customer.setup.upgrade is not None
    ada.mended()
    assert "it does not start" in str(failure(ada, None).cause)
    ada.demand(OLD)


def test_a_version_that_npm_does_not_have_is_refused_before_anything(ada: Upgrader) -> None:
    error = failure(ada, "2026.9.99")

    assert isinstance(error, InputError)
    assert "npm has no openclaw 2026.9.99" in str(error.cause)
    assert ada.customer.setup.upgrade is None
    assert ada.site.files == []
    assert not [line for line in ada.assistant.called if "systemctl" in line]


def test_a_version_that_the_servers_node_cannot_run_is_refused(ada: Upgrader) -> None:
    (ada.home / "needs").write_text("<24")

    assert f"{NEW} needs Node <24, and the server has v24.19.0" in str(failure(ada).cause)
    assert ada.customer.setup.upgrade is None


def test_npm_that_does_not_answer_is_no_answer(ada: Upgrader) -> None:
    (ada.home / "no-network").touch()

    error = failure(ada)

    assert "npm cannot be asked" in str(error.cause)
    assert ada.customer.setup.upgrade is not None
    (ada.home / "no-network").unlink()
    assert ada.run(None).outcome == Done()
    ada.demand(NEW)


def test_an_installation_that_fails_touches_nothing(ada: Upgrader) -> None:
    def watch(place: str) -> None:
        if place == "before a version is installed":
            (ada.home / "no-network").touch()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("provisioner.failpoints.watch", watch)
        assert isinstance(failure(ada), RemoteError)

    assert (ada.installed, ada.assistant.gateway, ada.starts) == (OLD, "started", [])
    (ada.home / "no-network").unlink()
    assert ada.run().outcome == Done()
    ada.demand(NEW)


def test_a_switch_that_fails_lets_the_assistant_run_again(ada: Upgrader) -> None:
    def watch(place: str) -> None:
        if place == "before the versions are switched":
            (ada.home / ".provisioner-upgrade" / "new" / "whole").unlink()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("provisioner.failpoints.watch", watch)
        error = failure(ada)

    assert "the new version is not there" in str(error.cause)
    ada.demand(OLD)


@pytest.mark.parametrize(("there", "words"), [("2026.10.1", "newer than"), (NEW, "runs there")])
def test_an_owners_own_update_is_seen_and_left(ada: Upgrader, there: str, words: str) -> None:
    ada.place(there)

    assert ada.run().outcome == Done()

    assert (ada.installed, ada.customer.setup.moltbot.version) == (there, there)
    assert ada.events == ["version_seen"]
    assert words in str(ada.customer.timeline[-1].details)
    assert ada.site.files == []


@pytest.mark.parametrize(("version", "words"), [("2026.9.4", "least that is supported"), (OLD, "is older")])
def test_an_older_version_is_refused(ada: Upgrader, version: str, words: str) -> None:
    ada.site.set(setup__moltbot__version=NEW)

    error = failure(ada, version)

    assert isinstance(error, InputError)
    assert words in str(error.cause)
    assert ada.customer.setup.upgrade is None


def test_another_version_is_not_begun_in_the_middle_of_one(ada: Upgrader) -> None:
    with killed_at("after the versions are switched"):
        ada.run()

    assert f"the upgrade to {NEW} is under way" in str(failure(ada, "2026.9.7").cause)
    assert ada.run().outcome == Done()
    ada.demand(NEW)


@pytest.mark.parametrize("workflow", [PROVISION, APPLY, RESTORE, PAUSE], ids=lambda one: one.name)
def test_what_starts_or_stops_the_assistant_waits_for_the_end_of_it(
    ada: Upgrader, workflow: Workflow
) -> None:
    with killed_at("after the versions are switched"):
        ada.run()
    ada.site.set(setup__moltbot__installed=False)
    if workflow is PAUSE:
        ada.site.set(setup__pause={"requestedAt": "2026-11-28T00:00:00Z"})
    if workflow is RESTORE:
        request = {"file": "/x", "sha256": "0", "requestedAt": "2026-11-28T00:00:00Z"}
        ada.site.set(setup__restore=request)

    with pytest.raises(InputError, match=f"the upgrade to {NEW} is under way") as refused:
        ada.apply(workflow)

    assert refused.value.hint == f"finish that first: provisioner upgrade {EMAIL}"


def test_a_paused_assistant_is_not_upgraded(ada: Upgrader) -> None:
    ada.site.set(setup__pause={"requestedAt": "2026-11-28T00:00:00Z", "pausedAt": "2026-11-28T00:00:00Z"})

    assert "their assistant is paused" in str(failure(ada).cause)
    assert ada.customer.setup.upgrade is None


def test_what_an_upgrade_of_another_time_has_left_is_no_hindrance(ada: Upgrader) -> None:
    rest = ada.home / ".provisioner-upgrade"
    (rest / "new").mkdir(parents=True)
    (rest / "new" / "whole").touch()
    (rest / "id").write_text("20200101000000\n")

    assert ada.run().outcome == Done()

    ada.demand(NEW)


def main() -> None:
    """A death at each failpoint, forwards and on the way back; says how many there were."""
    for fault in ("", "answer"):
        with tempfile.TemporaryDirectory() as folder:
            for at in count():
                places = killed_while_upgrading(Path(folder) / str(at), at, fault)
                if at >= len(places):
                    break
                print(at, places[-1], flush=True)
        print(f"{at} deaths on the way {'back' if fault else 'forward'}; the same end each time", flush=True)


if __name__ == "__main__":
    main()
