"""A move to another region: what happens when, what a kill leaves, and what never happens."""

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from provisioner.backups.errors import BackupError
from provisioner.customers.done import is_complete
from provisioner.errors import InputError, RemoteError
from provisioner.services.digitalocean.errors import DropletUnclear
from provisioner.step import Done, Failed, Until
from provisioner.steps.moving import server, switch
from tests.backups.assistants import SAID
from tests.clouds import CloudServer, FastCloud, cloud_server
from tests.dying import killed_at
from tests.steps.movers import REGION, Mover, Prepared, mover


@pytest.fixture(autouse=True)
def _prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "prepare", Prepared.prepare)


@pytest.fixture
def ada(cloud: FastCloud, tmp_path: Path) -> Iterator[Mover]:
    with mover(tmp_path, cloud) as found:
        yield found


def failure(ada: Mover) -> Exception:
    outcome = ada.run()
    assert isinstance(outcome, Failed), outcome
    return outcome.error


def demand_arrived(ada: Mover) -> None:
    """The assistant is on the new server with all that it knew, and the old one is there, and still."""
    customer = ada.customer
    droplet, move = customer.setup.droplet, customer.setup.move
    assert move is not None
    assert move.from_ is not None
    assert (move.from_.id, move.from_.ip) == (ada.old_id, "127.0.0.1")
    assert (droplet.region, droplet.ip) == (REGION, "127.77.0.3")
    assert sorted(ada.leaver.droplets) == sorted([ada.old_id, str(droplet.id)])
    assert ada.at_work == ["new"]
    assert ada.new.memory.read_text() == SAID
    assert is_complete(customer)
    assert customer.setup.restore is None
    assert customer.status == "active"


def demand_moved(ada: Mover) -> None:
    """The new server is the only one that is left."""
    customer = ada.customer
    assert ada.leaver.droplets == [customer.setup.droplet.id]
    assert ada.leaver.droplets != [ada.old_id]
    assert customer.setup.move is None
    assert ada.at_work == ["new"]
    for once in ("droplet_active", "server_switched", "backup_restored", "move_complete"):
        assert ada.events.count(once) == 1, ada.events
    assert ada.events[-1] == "second_droplet_destroyed"


def demand_as_before(ada: Mover) -> None:
    assert ada.customer.setup.droplet.id == ada.old_id
    assert ada.at_work == ["old"]
    assert ada.old_id in ada.leaver.droplets
    assert is_complete(ada.customer)


def move(ada: Mover) -> None:
    """From the request, or from where it stands, to the end of the grace."""
    if "move_requested" not in ada.events:
        ada.ask()
    outcome = ada.run()
    if isinstance(outcome, Until):
        ada.leaver.pass_days(14.01)
        outcome = ada.run()
    assert outcome == Done(), outcome


def test_there_with_all_that_it_knew_and_the_old_one_goes_after_the_grace(ada: Mover) -> None:
    ada.ask()
    outcome = ada.run()

    assert isinstance(outcome, Until)
    assert outcome.what == "the old server is destroyed"
    demand_arrived(ada)
    assert isinstance(ada.run(), Until)
    demand_arrived(ada)
    ada.leaver.pass_days(14.01)
    assert ada.run() == Done()
    demand_moved(ada)
    before = ada.leaver.site.workspace.store().read(ada.customer.id).data
    ada.ask()
    assert ada.run() == Done()
    assert ada.leaver.site.workspace.store().read(ada.customer.id).data == before


def killed_while_moving(clouds: CloudServer, folder: Path, at: int) -> list[str]:
    """A move, and a death at that failpoint; what was passed."""
    with clouds.cloud() as cloud, mover(folder, cloud) as ada:
        with killed_at(at) as places:
            move(ada)
        assert ada.at_work != ["old", "new"], places[-1]
        assert len(ada.leaver.droplets) <= 2
        if "move_complete" not in ada.events:
            assert ada.old_id in ada.leaver.droplets
        move(ada)
        demand_moved(ada)
        assert cloud.requests("POST", "/v2/droplets") == 2
    return places


def test_killed_anywhere_it_ends_the_same(clouds: CloudServer, tmp_path: Path) -> None:
    for at in count(0, 19):
        if at >= len(killed_while_moving(clouds, tmp_path / str(at), at)):
            break
    assert at > 100


def test_an_answer_that_is_lost_makes_no_third_server(ada: Mover) -> None:
    ada.leaver.cloud.fault("drop_after_effect", "POST", "/droplets$")
    ada.ask()

    assert isinstance(ada.run(), Until)

    demand_arrived(ada)


def test_what_fails_before_the_switch_leaves_the_old_one_answering(
    ada: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.ask()
    with monkeypatch.context() as patch:

        def fails(*_: object) -> None:
            raise RemoteError("prepare the server", cause="no disk")

        patch.setattr(server, "prepare", fails)
        assert isinstance(failure(ada), RemoteError)
        demand_as_before(ada)
    with monkeypatch.context() as patch:

        def broken(*_: object) -> str:
            raise BackupError("back up", cause="it is broken")

        patch.setattr(switch, "take_backup", broken)
        assert isinstance(failure(ada), BackupError)
        demand_as_before(ada)

    assert isinstance(ada.run(), Until)
    demand_arrived(ada)


def test_who_stays_after_all_keeps_their_server_and_the_new_one_goes(
    ada: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.ask()
    with killed_at("after the assistant is stopped"):
        ada.run()
    assert len(ada.leaver.droplets) == 2
    assert ada.at_work == []
    ada.stay()

    assert ada.run() == Done()

    demand_as_before(ada)
    assert ada.leaver.droplets == [ada.old_id]
    assert ada.customer.setup.move is None


def test_who_is_there_does_not_go_back_by_undoing(ada: Mover) -> None:
    ada.ask()
    ada.run()

    with pytest.raises(InputError, match="on the new server already"):
        ada.stay()


def test_who_leaves_in_the_grace_leaves_no_server_behind(ada: Mover) -> None:
    ada.ask()
    ada.run()
    ada.leaver.ask("now", grace_days=0)

    assert ada.leaver.run().outcome == Done()

    assert ada.leaver.droplets == []
    assert ada.customer.setup.move is None
    assert ada.leaver.archived


def test_who_leaves_before_the_switch_leaves_no_server_behind(ada: Mover) -> None:
    ada.ask()
    with killed_at("before the assistant is stopped"):
        ada.run()
    assert len(ada.leaver.droplets) == 2
    ada.leaver.ask("now", grace_days=0)

    assert ada.leaver.run().outcome == Done()

    ada.leaver.demand_gone()


def test_who_leaves_on_the_way_loses_nothing_that_is_not_in_a_backup(ada: Mover) -> None:
    ada.ask()
    with killed_at("before a backup is put in its place"):
        ada.run()
    assert "server_switched" in ada.events
    [backup] = ada.leaver.site.files
    path = ada.leaver.site.folder / backup
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    ada.leaver.ask("now", grace_days=0)

    outcome = ada.leaver.run().outcome
    assert isinstance(outcome, Failed)
    assert "the last backup" in str(outcome.error.cause)
    assert len(ada.leaver.droplets) == 2

    path.write_bytes(whole)
    assert ada.leaver.run().outcome == Done()
    assert ada.leaver.droplets == []


def test_an_old_server_that_is_not_certainly_theirs_is_not_destroyed(ada: Mover) -> None:
    ada.ask()
    ada.run()
    [old] = [one for one in ada.leaver.cloud.droplets if str(one.id) == ada.old_id]
    old.name = "somebody-elses"
    ada.leaver.pass_days(14.01)

    assert isinstance(failure(ada), DropletUnclear)

    assert ada.old_id in ada.leaver.droplets


def test_an_old_server_stays_while_no_assistant_has_answered_on_the_new_one(ada: Mover) -> None:
    ada.ask()
    ada.run()
    ada.leaver.pass_days(14.01)
    ada.leaver.site.set(setup__handoff__answeredOn=ada.old_id)

    assert "no assistant has answered" in str(failure(ada))

    assert ada.old_id in ada.leaver.droplets


@pytest.mark.parametrize(
    ("region", "said"), [("atl1", "has no region atl1"), ("fra", "no server can be made in fra")]
)
def test_a_region_where_it_cannot_be_is_refused_before_anything_is_done(
    ada: Mover, region: str, said: str
) -> None:
    before = ada.leaver.site.workspace.store().read(ada.customer.id).data
    ada.leaver.cloud.cloud.options.sold_out = ("fra1",)

    with pytest.raises(InputError) as refused:
        ada.ask(region)

    assert said in f"{refused.value.cause} {refused.value.hint}"
    assert ada.leaver.site.workspace.store().read(ada.customer.id).data == before


def test_a_version_that_new_servers_would_not_read_is_refused(ada: Mover) -> None:
    ada.leaver.site.set(setup__moltbot__version="2026.10.1")

    with pytest.raises(InputError, match=r"may not read what their 2026\.10\.1 has written") as refused:
        ada.ask()

    assert "setup.moltbot.pinnedVersion 2026.10.1" in (refused.value.hint or "")


def test_another_region_waits_for_the_one_under_way(ada: Mover) -> None:
    ada.ask()

    with pytest.raises(InputError, match="they are being moved to fra1"):
        ada.ask("nyc3")


def main() -> None:
    """A death at each failpoint of the whole course; says how many there were."""
    server.prepare = Prepared.prepare
    with tempfile.TemporaryDirectory() as folder, cloud_server() as clouds:
        for at in count():
            places = killed_while_moving(clouds, Path(folder) / str(at), at)
            if at >= len(places):
                break
            print(at, places[-1], flush=True)
    print(f"{at} deaths, each at another failpoint; moved each time, and never two assistants at work")


if __name__ == "__main__":
    main()
