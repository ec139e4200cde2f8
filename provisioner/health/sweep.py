"""Looking at many servers at once, and what becomes of it: only what has changed goes into the records."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from provisioner.actor import actor
from provisioner.customers.leaving import at
from provisioner.customers.lifecycle import has_left
from provisioner.customers.record import Customer
from provisioner.customers.store import CustomerStore
from provisioner.errors import ProvisionerError
from provisioner.failpoints import failpoint
from provisioner.health.look import Look, ServerHealth
from provisioner.health.mending import asked, mendable
from provisioner.timestamps import now

AT_ONCE = 16
"""How many servers are looked at at the same time: more is not faster, and answers come too late then."""
_DOING = "write down how the server is"


@dataclass(frozen=True)
class Sweep:
    """Looks at servers, and writes down what has changed.

    With `mend` it also writes down that what can be mended is to be.
    """

    store: CustomerStore
    look: Look
    mend: bool = False

    def over(
        self,
        customers: Sequence[Customer],
        say: Callable[[str], None] = lambda _: None,
        going_on: Callable[[], bool] = lambda: True,
    ) -> Iterator[ServerHealth]:
        """Each of them, in their order; `say` is told how many have answered.

        As soon as it is not `going_on` those who were not looked at are left out.
        """

        def one(customer: Customer) -> ServerHealth | None:
            return self._one(customer) if going_on() else None

        with ThreadPoolExecutor(min(AT_ONCE, max(1, len(customers)))) as pool:
            for number, seen in enumerate(pool.map(one, customers), start=1):
                say(f"looked at {number} of {len(customers)} servers")
                if seen is not None:
                    yield seen

    def _one(self, customer: Customer) -> ServerHealth:
        held = self._is_held(customer)
        seen = self.look.at(customer)
        # What is seen while a run is at work is its doing, and not what is wrong.
        if held or self._is_held(customer):
            return replace(seen, held=True)
        try:
            return replace(seen, customer=self._noted(seen))
        except ProvisionerError as problem:
            return replace(seen, unwritten=problem)

    def _is_held(self, customer: Customer) -> bool:
        return self.store.holder_by_id(customer.id) is not None

    def _noted(self, seen: ServerHealth) -> Customer:
        """Write down what is wrong, if it is not what was wrong before; one event says what has changed."""
        found = problems_of(seen)
        if found == noted(seen.customer) and not self._asks(seen, seen.customer):
            return seen.customer
        failpoint("before note the health")
        with self.store.edit(seen.customer.id, _DOING) as record:
            # They may have left meanwhile.
            if not has_left(record.customer.status):
                before = noted(record.customer)
                if found != before:
                    record.update({"health.problems": found, "health.since": now()})
                    record.add_event("health_changed", change(seen, before), by=actor())
                record.update(self._asks(seen, record.customer))
        failpoint("after note the health")
        return record.customer

    def _asks(self, seen: ServerHealth, customer: Customer) -> dict[str, object]:
        """The fields that ask for what is to be mended."""
        if not self.mend:
            return {}
        moment = at(self.look.clock.time())
        hours = self.look.settings.health.mend_hours
        return dict(asked(customer, mendable(customer, seen.signs, hours, moment), actor(), moment))


def problems_of(seen: ServerHealth) -> list[str]:
    """What is wrong, as the record has it."""
    return sorted({sign.about for sign in seen.problems})


def noted(customer: Customer) -> list[str]:
    """What was wrong when the record last changed."""
    return sorted(customer.health.problems) if customer.health is not None else []


def change(seen: ServerHealth, before: Sequence[str]) -> str:
    """What is wrong now and was not before, and what is well again; empty if nothing has changed."""
    new = [sign.problem for sign in seen.problems if sign.about not in before]
    gone = [about for about in before if about not in {sign.about for sign in seen.problems}]
    over = [f"well again: {', '.join(gone)}"] if gone else []
    return "; ".join([*new, *over])
