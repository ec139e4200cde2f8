"""The customer goes from one server to the other: never two assistants at work, and nothing left behind."""

from datetime import timedelta

from provisioner.actor import actor
from provisioner.customers.done import to_do_anew
from provisioner.customers.leaving import at, is_over
from provisioner.customers.parts.setup import Move
from provisioner.customers.record import Customer
from provisioner.errors import InputError, ProvisionerError
from provisioner.printable import command
from provisioner.step import Done, Outcome, Planned, Until, Work
from provisioner.steps.backup import backups_of, recorded, take_backup
from provisioner.steps.droplet.second import destroy_second
from provisioner.steps.gateway import start_gateway, stop_gateway
from provisioner.steps.moving.step import DOING, MovingStep, move_of
from provisioner.timestamps import now, written


class GiveUp(MovingStep):
    """Has who is to stay after all stay: their assistant runs where it was, and the new server goes."""

    name = "undo"

    def done(self, customer: Customer) -> bool:
        move = customer.setup.move
        return move is None or move.undo_at is None

    def behind(self, move: Move) -> bool:
        return move.undo_at is None

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("have the assistant run where it was, and destroy the new server", needed=True)]

    def run(self, work: Work) -> Outcome:
        assert move_of(work).switched_at is None, "it is not to be undone any more"
        start_gateway(work)
        destroy_second(work, lambda: _demand_undo(work))
        return Done()


class PackUp(MovingStep):
    """Stops the assistant and takes a backup; where that cannot be, it goes on where it is."""

    name = "backup"

    def behind(self, move: Move) -> bool:
        return move.backup is not None

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("stop the assistant and take a backup", needed=True)]

    def run(self, work: Work) -> Outcome:
        try:
            stop_gateway(work)
            name = take_backup(work)
        except ProvisionerError:
            start_gateway(work)
            raise
        work.write({"setup.move.backup": name})
        return Done()


class SwitchServer(MovingStep):
    """Has the record say that the new server is the customer's, where the backup is to be brought back."""

    name = "switch"

    def behind(self, move: Move) -> bool:
        return move.switched_at is not None

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("make the new server the customer's", needed=True)]

    def run(self, work: Work) -> Outcome:
        # Once more: whatever has started it meanwhile, from here on another one talks as the same bot.
        stop_gateway(work)
        with work.store.edit(work.customer.id, DOING) as record:
            move = record.customer.setup.move
            if move is None or move.undo_at is not None:
                raise InputError(DOING, whom=work.customer.email, cause="they are to stay")
            record.update(_switched(work, record.customer, move))
            old, new = record.customer.setup.move, record.customer.setup.droplet
            assert old is not None
            assert old.from_ is not None
            words = f"From DO droplet {old.from_.id} to {new.id} in {new.region}; {move.backup} goes along"
            record.add_event("server_switched", words, by=actor())
        work.refresh()
        return Done()


class Arrived(MovingStep):
    """Closes the move, when the setup has gone over what was brought along: the old server has its grace."""

    name = "arrived"

    def behind(self, move: Move) -> bool:
        return move.proven_at is not None

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("begin the days of grace of the old server", needed=True)]

    def run(self, work: Work) -> Outcome:
        move, moment = move_of(work), at(work.clock.time())
        destroy_at = written(moment + timedelta(days=move.grace_days))
        region = work.customer.setup.droplet.region
        work.record(
            "move_complete",
            f"The assistant works in {region}; the old server stays until {destroy_at[:10]}",
            {
                "setup.move.provenAt": written(moment),
                "setup.move.destroyAt": destroy_at,
                "setup.restore": None,
            },
        )
        return Done()


class DestroyOld(MovingStep):
    """Destroys the old server when its grace is over; only where id, name and tags say that it is theirs."""

    name = "destroy"

    def behind(self, move: Move) -> bool:
        return False

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("destroy the old server when its grace is over", needed=True)]

    def run(self, work: Work) -> Outcome:
        move = move_of(work)
        assert move.destroy_at is not None, "it is written when the assistant has arrived"
        if not is_over(move.destroy_at, at(work.clock.time())):
            return Until(move.destroy_at, "the old server is destroyed")
        destroy_second(work, lambda: _demand_arrived(work))
        return Done()


def _demand_undo(work: Work) -> None:
    move = work.refresh().setup.move
    if move is None or move.undo_at is None or move.switched_at is not None:
        raise InputError(DOING, whom=work.customer.email, cause="the move is not to be undone")


def _demand_arrived(work: Work) -> None:
    """The record, as it is now, has the customer on another server, on which their assistant has answered."""
    customer = work.refresh()
    move, own = customer.setup.move, customer.setup.droplet.id
    ended = move is not None and move.proven_at is not None and move.from_ is not None
    if not ended or move is None or move.from_ is None or own in (None, move.from_.id):
        raise InputError(DOING, whom=customer.email, cause="they have not arrived on another server")
    if customer.setup.handoff.answered_on != own:
        hint = command("provision", customer.email)
        raise InputError(
            DOING, whom=customer.email, cause=f"no assistant has answered on droplet {own}", hint=hint
        )


def _switched(work: Work, customer: Customer, move: Move) -> dict[str, object]:
    """All that another server makes untrue, and what is to be brought there."""
    assert move.backup is not None, "the step before has taken it"
    assert move.droplet.id is not None, "it was made and prepared"
    entry = recorded(customer, move.backup)
    path = backups_of(work).file(move.backup).resolve()
    if entry is None or not path.is_file():
        cause = f"the backup {path} is not there as it was recorded"
        raise InputError(DOING, whom=customer.email, cause=cause, hint="run it again with --undo, then anew")
    return {
        "setup.move.from": customer.setup.droplet.model_dump(by_alias=True, exclude_none=True),
        "setup.droplet": move.droplet.model_dump(by_alias=True, exclude_none=True),
        "setup.move.droplet": {},
        "setup.move.switchedAt": now(),
        "setup.restore": {"file": str(path), "sha256": entry.sha256, "requestedAt": now()},
        "setup.moltbot.audit": None,
        **to_do_anew(customer),
    }
