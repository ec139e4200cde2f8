"""Leaving, from the request to the archive: what happens when, and what never destroys a droplet."""

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from provisioner import failpoints
from provisioner.customers.leaving import next_leaving_moment
from provisioner.errors import CloudError, InputError, ProvisionerError, RemoteError
from provisioner.services.digitalocean.errors import DropletUnclear
from provisioner.step import Done, Failed, Until
from provisioner.timestamps import written
from tests.backups.assistants import EMAIL
from tests.clouds import CloudServer, FastCloud, cloud_server
from tests.dying import killed_at
from tests.steps.leavers import Leaver, leaver, make_droplet


@pytest.fixture
def ada(cloud: FastCloud, tmp_path: Path) -> Iterator[Leaver]:
    with leaver(tmp_path, cloud) as found:
        yield found


def failure(ada: Leaver) -> ProvisionerError:
    outcome = ada.run().outcome
    assert isinstance(outcome, Failed), outcome
    return outcome.error


def test_at_the_end_of_what_is_paid_and_after_the_grace(ada: Leaver) -> None:
    ends = ada.period_ends_in(20)
    ada.ask("period end", reason="moves away")

    assert ada.run().outcome == Until(ends, "the assistant is stopped")
    assert (ada.customer.status, ada.site.assistant.gateway) == ("active", "started")
    assert ada.mailbox.subjects == [f"Your assistant stays until {ends[:10]}"]
    assert ada.run().outcome == Until(ends, "the assistant is stopped")
    assert len(ada.mailbox.got) == 1

    ada.pass_days(20)
    grace = ada.run().outcome
    assert isinstance(grace, Until)
    assert grace.what == "the droplet is destroyed"
    assert grace.moment == ada.leaving.destroy_at
    assert (ada.customer.status, ada.site.assistant.gateway) == ("cancelled", "stopped")
    assert ada.leaving.backup in ada.site.files
    assert ada.mailbox.subjects[1:] == ["Your assistant has ended"]
    assert grace.moment[:10] in ada.mailbox.got[1][1].text
    ada.demand_untouched()

    ada.pass_days(14.01)
    assert ada.run().outcome == Done()
    ada.demand_gone()
    assert len(ada.mailbox.got) == 2
    assert ada.customer.timeline[ada.site.events.index("cancellation_requested")].by == "bob"
    before = ada.site.workspace.store().read(EMAIL).data
    assert ada.run().outcome == Done()
    assert ada.site.workspace.store().read(EMAIL).data == before


def test_when_it_is_due_is_when_it_goes_on(ada: Leaver) -> None:
    ada.period_ends_in(20)
    ada.ask("period end")
    for _ in range(2):
        outcome = ada.run().outcome
        assert isinstance(outcome, Until)
        due = next_leaving_moment(ada.customer)
        assert due is not None
        assert written(due) == outcome.moment
        ada.pass_days(20)

    assert ada.run().outcome == Done()
    assert next_leaving_moment(ada.customer) is None


def leave(ada: Leaver) -> None:
    """From the request, or from where it stands, to the archive, with as much time as it takes."""
    if ada.customer.leaving is None:
        ada.ask("period end")
    while not isinstance(outcome := ada.run().outcome, Done):
        assert isinstance(outcome, Until), outcome
        due = next_leaving_moment(ada.customer)
        assert due is not None
        ada.cloud.clock.sleep(max(0.0, due.timestamp() - ada.cloud.clock.time()) + 1)


def killed_while_leaving(clouds: CloudServer, folder: Path, at: int) -> list[str]:
    """A customer who leaves at the end of what is paid, and a death at that failpoint; what was passed."""
    with clouds.cloud() as cloud, leaver(folder, cloud) as ada:
        ada.period_ends_in(20)
        with killed_at(at) as places:
            leave(ada)
        leave(ada)
        ada.demand_gone()
        for subject in ("Your assistant has ended", f"Your assistant stays until {ada.leaving.stop_at[:10]}"):
            assert ada.mailbox.subjects.count(subject) <= 1
    return places


def test_killed_anywhere_it_ends_the_same(clouds: CloudServer, tmp_path: Path) -> None:
    for at in count(0, 9):
        if at >= len(killed_while_leaving(clouds, tmp_path / str(at), at)):
            break
    assert at > 50


def test_somebody_who_never_had_a_server_is_archived(ada: Leaver) -> None:
    ada.site.set(setup__droplet__id=None, setup__droplet__ip=None, setup__moltbot__installed=False)
    ada.site.set(status="pending_setup")
    ada.ask("now")

    assert ada.run().outcome == Done()

    assert ada.archived
    assert ada.site.files == []
    ada.demand_untouched()


def test_undone_in_the_grace_the_assistant_runs_again(ada: Leaver) -> None:
    ada.ask("now")
    assert isinstance(ada.run().outcome, Until)
    ada.stay()

    assert ada.run().outcome == Done()

    assert (ada.customer.status, ada.site.assistant.gateway) == ("active", "started")
    assert ada.customer.leaving is None
    assert ada.mailbox.subjects == ["Your assistant has ended", "Your assistant stays"]
    ada.pass_days(30)
    assert ada.run().outcome == Done()
    ada.demand_untouched()


def test_who_was_never_told_that_they_leave_is_not_told_that_they_stay(ada: Leaver) -> None:
    ada.period_ends_in(20)
    ada.ask("period end")
    ada.stay()

    assert ada.run().outcome == Done()

    assert ada.mailbox.got == []


def test_an_undoing_that_is_killed_is_gone_on_with_and_destroys_nothing(ada: Leaver) -> None:
    ada.ask("now")
    ada.run()
    ada.stay()
    ada.pass_days(30)
    with killed_at("before the assistant is started"):
        ada.run()
    assert ada.site.assistant.gateway == "stopped"

    assert ada.run().outcome == Done()

    assert (ada.customer.status, ada.site.assistant.gateway) == ("active", "started")
    ada.demand_untouched()


def test_an_undoing_at_the_last_moment_stops_the_destruction(ada: Leaver) -> None:
    ada.ask("now", grace_days=0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("provisioner.steps.leaving.droplet._demand_no_other", lambda _: ada.stay())
        error = failure(ada)

    assert isinstance(error, InputError)
    assert "the customer stays" in str(error.cause)
    ada.demand_untouched()


def test_a_backup_that_fails_destroys_nothing(ada: Leaver) -> None:
    ada.ask("now", grace_days=0)
    with pytest.MonkeyPatch.context() as patch:

        def watch(place: str) -> None:
            if place == "before a backup is made":
                ada.site.assistant.fails("openclaw has no words")

        patch.setattr(failpoints, "watch", watch)
        error = failure(ada)

    assert isinstance(error, RemoteError)
    assert ada.leaving.backup is None
    ada.demand_untouched()
    ada.site.assistant.fails(None)
    assert ada.run().outcome == Done()
    ada.demand_gone()


@pytest.mark.parametrize("how", ["gone", "changed"])
def test_a_last_backup_that_is_not_as_it_was_destroys_nothing(ada: Leaver, how: str) -> None:
    ada.ask("now")
    ada.run()
    ada.pass_days(15)
    path = ada.site.folder / (ada.leaving.backup or "")
    whole = path.read_bytes()
    path.unlink() if how == "gone" else path.write_bytes(whole[:-1])

    error = failure(ada)

    assert "is not there as it was recorded" in str(error.cause)
    assert "--without-backup" in (error.hint or "")
    ada.demand_untouched()
    path.write_bytes(whole)
    path.chmod(0o600)
    assert ada.run().outcome == Done()
    ada.demand_gone()


def test_a_server_that_does_not_answer_destroys_nothing_unless_nobody_needs_what_is_on_it(
    ada: Leaver,
) -> None:
    ada.ask("now", grace_days=0)
    ada.site.assistant.fails("no bus")

    assert isinstance(failure(ada), RemoteError)
    assert ada.customer.status == "active"
    ada.demand_untouched()
    ada.ask("now", without_backup=True)
    assert ada.run().outcome == Done()

    assert ada.droplets == []
    assert ada.site.files == []
    assert "could not be stopped" in str(
        ada.customer.timeline[ada.site.events.index("assistant_stopped")].details
    )


def test_a_droplet_of_another_name_is_not_destroyed(ada: Leaver) -> None:
    [droplet] = ada.cloud.droplets
    droplet.name = "somebody-elses"
    ada.ask("now", grace_days=0)

    error = failure(ada)

    assert isinstance(error, DropletUnclear)
    assert "by its name and its tags" in str(error.cause)
    ada.demand_untouched()


@pytest.mark.parametrize("prefix", ["customer:", "workspace:"])
def test_a_droplet_that_lacks_a_tag_is_not_destroyed(ada: Leaver, prefix: str) -> None:
    [droplet] = ada.cloud.droplets
    droplet.tags = [tag for tag in droplet.tags if not tag.startswith(prefix)]
    ada.ask("now", grace_days=0)

    assert isinstance(failure(ada), DropletUnclear)
    ada.demand_untouched()


def test_an_id_that_is_another_customers_is_not_destroyed(ada: Leaver) -> None:
    [ours] = ada.droplets
    others = make_droplet(ada.site, ada.cloud, "moltbot-cust-2")
    ada.site.set(setup__droplet__id=others, setup__moltbot__dropletId=others)
    ada.ask("now", grace_days=0)

    assert isinstance(failure(ada), DropletUnclear)
    assert ada.droplets == [ours, others]


def test_a_second_droplet_of_theirs_is_not_forgotten(ada: Leaver) -> None:
    make_droplet(ada.site, ada.cloud)
    ada.ask("now", grace_days=0)

    error = failure(ada)

    assert isinstance(error, DropletUnclear)
    assert "2 droplets" in str(error.cause)
    assert len(ada.droplets) == 2


def test_another_account_is_not_taken_for_the_end_of_the_droplet(ada: Leaver) -> None:
    ada.ask("now")
    ada.run()
    ada.pass_days(15)
    # As another account has it: neither droplet nor tag.
    ada.cloud.cloud.droplets.clear()
    ada.cloud.cloud.tags.clear()

    error = failure(ada)

    assert "is not in this account" in str(error.cause)
    assert not ada.archived


def test_a_droplet_that_was_deleted_by_hand_is_no_hindrance(ada: Leaver) -> None:
    ada.ask("now")
    ada.run()
    ada.cloud.client().delete_droplet(ada.droplets[0])
    ada.pass_days(15)

    assert ada.run().outcome == Done()
    assert ada.archived


def test_a_cloud_that_refuses_leaves_all_as_it_is(ada: Leaver) -> None:
    ada.ask("now", grace_days=0)
    ada.cloud.fault("status", "DELETE", "/droplets", params={"status": 403})

    assert isinstance(failure(ada), CloudError)
    assert len(ada.droplets) == 1
    assert not ada.archived
    ada.cloud.book.clear()
    assert ada.run().outcome == Done()
    ada.demand_gone()


def test_a_droplet_that_is_there_after_its_end_was_accepted_is_not_forgotten(
    ada: Leaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.ask("now", grace_days=0)
    with monkeypatch.context() as patch:
        patch.setattr(ada.site.services.cloud, "delete_droplet", lambda _: None)
        error = failure(ada)

    assert "is still there" in str(error.cause)
    assert not ada.archived
    assert ada.run().outcome == Done()
    ada.demand_gone()


def test_a_status_that_was_set_back_by_hand_stops_the_destruction(ada: Leaver) -> None:
    ada.ask("now")
    ada.run()
    ada.site.set(status="active")
    ada.pass_days(15)

    assert "the status is active" in str(failure(ada).cause)
    ada.demand_untouched()


def test_a_request_that_may_have_made_a_droplet_is_looked_for(ada: Leaver) -> None:
    """The customer left before the answer of the first request was read."""
    ada.site.set(
        setup__droplet__id=None,
        setup__droplet__ip=None,
        setup__droplet__requestedAt="2026-11-28T00:00:00Z",
        setup__moltbot__installed=False,
        status="in_progress",
    )
    ada.ask("now", grace_days=0)

    assert ada.run().outcome == Done()

    assert ada.droplets == []
    assert ada.archived


def test_snapshots_go_with_their_customer_and_no_others(ada: Leaver) -> None:
    client = ada.cloud.client()
    [droplet] = ada.droplets
    for name in ("theirs", "anothers"):
        client.take_snapshot(droplet, name)
        ada.cloud.clock.sleep(600)
    theirs, anothers = sorted(client.snapshots(), key=lambda one: one.name != "theirs")
    client.tag_snapshot(theirs.id, ada.customer.setup.droplet.tag or "")
    ada.ask("now", grace_days=0)

    assert ada.run().outcome == Done()

    assert [one.id for one in client.snapshots()] == [anothers.id]


def test_a_tag_that_cannot_be_deleted_is_only_said(ada: Leaver) -> None:
    ada.ask("now", grace_days=0)
    ada.cloud.fault("status", "DELETE", "/tags", params={"status": 403})

    assert ada.run().outcome == Done()

    assert any("is still there" in one.text for one in ada.site.heard)
    assert ada.archived


def test_the_last_backup_outlives_the_policy(ada: Leaver) -> None:
    ada.ask("now")
    ada.run()
    ada.stay()
    ada.run()
    ada.ask("now")
    ada.run()

    assert ada.leaving.backup in ada.site.files
    assert isinstance(ada.run().outcome, Until)


def main() -> None:
    """A death at each failpoint of the whole course; says how many there were."""
    with tempfile.TemporaryDirectory() as folder, cloud_server() as clouds:
        for at in count():
            places = killed_while_leaving(clouds, Path(folder) / str(at), at)
            if at >= len(places):
                break
            print(at, places[-1], flush=True)
    print(f"{at} deaths, each at another failpoint; gone, backed up and archived each time")


if __name__ == "__main__":
    main()
