"""Security updates of a server: installed at once, rebooted at a quiet hour, and as before then."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from provisioner.errors import InputError, RemoteError
from provisioner.runs.workflow import UPDATE_SYSTEM, update_system
from provisioner.settings import DropletSettings, WorkerSettings
from provisioner.step import Done, Failed, Outcome, Until
from tests.backups.assistants import EMAIL
from tests.dying import killed_at
from tests.steps.support import FastClock
from tests.steps.upgraders import OLD, Upgrader, upgrader

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


class ToldClock(FastClock):
    """One that begins at noon."""

    def __init__(self) -> None:
        super().__init__()
        self._now = NOON.timestamp()


@dataclass
class Server:
    """Ada's, whose next update needs a reboot."""

    ada: Upgrader

    def update(self, *, at_once: bool = False, again: bool = False) -> Outcome:
        return self.ada.site.run(UPDATE_SYSTEM if again else update_system(at_once=at_once)).outcome

    @property
    def boot(self) -> str:
        return (self.ada.home / "boot").read_text()

    def demand(self, *, rebooted: bool) -> None:
        assert self.ada.customer.setup.system_update is None
        assert (self.ada.home / "packages").read_text() == "linux 2\n"
        assert (self.boot != "@1\n") is rebooted
        assert self.ada.assistant.gateway == "started"
        assert self.ada.site.events.count("system_updated") == 1


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with upgrader(tmp_path) as ada:
        yield prepared(ada)


def prepared(ada: Upgrader) -> Server:
    ada.site.clock = ToldClock()
    ada.site.settings = ada.site.settings.model_copy(
        update={"worker": WorkerSettings(quiet_hours="21:00-07:00")}
    )
    (ada.home / "updates").write_text("linux 2\n")
    (ada.home / "reboot-required").touch()
    return Server(ada)


def test_the_reboot_waits_for_a_quiet_hour(server: Server) -> None:
    until = Until("2026-11-28T21:00:00Z", "the server is rebooted, which its updates need")
    assert server.update() == until
    assert server.update(again=True) == until
    assert (server.boot, server.ada.assistant.gateway) == ("@1\n", "started")

    server.ada.site.clock.sleep(9.5 * 3600)
    assert server.update(again=True) == Done()

    server.demand(rebooted=True)
    assert "it was rebooted, and works as before" in str(server.ada.customer.timeline[-1].details)


def test_at_once_it_waits_for_nothing(server: Server) -> None:
    server.update()

    assert server.update(at_once=True) == Done()

    server.demand(rebooted=True)
    called = server.ada.assistant.called
    assert called.index("systemctl --user stop openclaw-gateway.service") < called.index(
        "systemctl reboot --no-block"
    )


def test_what_needs_no_reboot_gets_none(server: Server) -> None:
    (server.ada.home / "reboot-required").unlink()

    assert server.update() == Done()

    server.demand(rebooted=False)


def test_without_an_hour_for_it_somebody_has_to_say_so(server: Server) -> None:
    server.ada.site.settings = server.ada.site.settings.model_copy(
        update={"worker": WorkerSettings(), "droplet": DropletSettings(reboot_at="", ssh_seconds=3)}
    )

    failed = server.update()

    assert isinstance(failed, Failed)
    assert isinstance(failed.error, InputError)
    assert f"provisioner upgrade {EMAIL} --security-only --reboot" in str(failed.error.hint)
    assert server.boot == "@1\n"


def test_a_channel_that_does_not_come_back_is_no_success(server: Server) -> None:
    def watch(place: str) -> None:
        if place == "after a server is rebooted":
            server.ada.breaks(OLD, "channel")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("provisioner.failpoints.watch", watch)
        failed = server.update(at_once=True)

    assert isinstance(failed, Failed)
    assert "after its reboot telegram was connected before, and is not" in str(failed.error.cause)
    server.ada.mended()
    boot = server.boot
    assert server.update(again=True) == Done()
    assert server.boot == boot, "it is not rebooted a second time"
    server.demand(rebooted=True)


def test_a_server_that_does_not_go_down_is_told(server: Server) -> None:
    (server.ada.home / "stays").touch()

    failed = server.update(at_once=True)

    assert isinstance(failed, Failed)
    assert isinstance(failed.error, RemoteError)
    assert "it still runs as before" in str(failed.error.cause)
    (server.ada.home / "stays").unlink()
    assert server.update(again=True) == Done()
    server.demand(rebooted=True)


def killed_while_updating(folder: Path, at: int) -> list[str]:
    with upgrader(folder) as ada:
        server = prepared(ada)
        with killed_at(at) as places:
            server.update(at_once=True)
        if "system_updated" not in ada.site.events:
            server.update(at_once=True)
        server.demand(rebooted=True)
        reboots = ada.assistant.called.count("systemctl reboot --no-block")
        assert reboots == 1
    return places


def test_killed_anywhere_it_ends_the_same(tmp_path: Path) -> None:
    for at in count(0, 7):
        if at >= len(killed_while_updating(tmp_path / str(at), at)):
            break
    assert at > 15


def main() -> None:
    """A death at each failpoint; says how many there were."""
    with tempfile.TemporaryDirectory() as folder:
        for at in count():
            places = killed_while_updating(Path(folder) / str(at), at)
            if at >= len(places):
                break
            print(at, places[-1], flush=True)
    print(f"{at} deaths; the same end each time", flush=True)


if __name__ == "__main__":
    main()
