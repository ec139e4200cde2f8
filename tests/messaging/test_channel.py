"""A channel that nothing but its own class knows is set up like Telegram."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from provisioner.customers.record import Customer
from provisioner.customers.store import CustomerStore
from provisioner.doctor.channels import look_at_channels
from provisioner.doctor.findings import Findings
from provisioner.errors import InputError
from provisioner.messaging.channel import (
    Accepted,
    Channel,
    ChannelCheck,
    ChannelEmails,
    ChannelTrouble,
    Reset,
)
from provisioner.messaging.registry import CHANNELS, channel_needs, channel_of, known_channel
from provisioner.services.factory import Services
from provisioner.settings import OperatorSettings, Settings
from provisioner.step import Done, Outcome, Waiting, Work
from provisioner.steps.handoff import Handoff
from provisioner.steps.messaging import Messaging
from tests.steps.support import MemoryServer, MemoryWork, new_record


class PigeonEmails(ChannelEmails):
    def variables(self, customer: Customer) -> Mapping[str, object]:
        return {"loft": customer.name}

    def preview(self, settings: Settings, customer: Customer) -> tuple[Mapping[str, object], bool]:
        return self.variables(customer), True

    def prepare(self, work: Work) -> None:
        work.say("the pigeon is fed")

    def untrue(self, name: str, customer: Customer) -> str:
        return ""

    def needless(self, customer: Customer) -> frozenset[str]:
        return frozenset()


class Pigeon(Channel):
    """A platform that the product does not have."""

    name = "pigeon"
    emails = PigeonEmails()

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return [f"a loft for {customer.name}"]

    def begin(self, work: Work) -> None:
        work.say("the pigeon is hatched")

    def playbooks(self, settings: Settings) -> Mapping[str, Mapping[str, object]]:
        return {}

    def connect(self, work: Work) -> Outcome:
        fields = {
            "setup.messaging.connected": True,
            "setup.messaging.connectedOver": self.name,
            "setup.messaging.userId": "7",
        }
        work.record("pigeon_connected", "It flies", fields)
        return Done()

    def greet(self, work: Work, text: str) -> Waiting | None:
        work.say(f"the pigeon carries {text.splitlines()[0]}")
        return None

    def arrived(self, work: Work) -> bool:
        return True

    def waiting(self, settings: Settings, customer: Customer, seconds: float) -> int | None:
        return None

    def tell(self, work: Work, text: str) -> None:
        work.say(f"the pigeon tells {text}")

    def sender(self, customer: Customer) -> str:
        return f"the pigeon of {customer.name}"

    def credential(self, customer: Customer) -> str | None:
        return None

    def replace_credential(self, work: Work, old: str, then: Mapping[str, object]) -> Waiting | None:
        raise NotImplementedError

    def check(
        self,
        settings: Settings,
        customers: Sequence[Customer],
        archived: Sequence[Customer],
        seconds: float,
        say: Callable[[str], None],
    ) -> ChannelCheck:
        say("called the pigeon")
        return ChannelCheck(("pigeons",), (ChannelTrouble("bot", "the pigeon", "it is ill", "feed it"),))

    def reset(self, store: CustomerStore, who: str, username: str | None, *, force: bool) -> Reset:
        raise NotImplementedError

    def accept(
        self,
        field: str,
        word: str,
        customer: Customer,
        store: CustomerStore,
        settings: Callable[[], Settings],
    ) -> Accepted:
        return Accepted(word.upper(), "as pigeons read it")

    def next_steps(self, settings: Settings, customer: Customer) -> list[str]:
        return []


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> MemoryWork:
    monkeypatch.setitem(CHANNELS, "pigeon", Pigeon)
    settings = Settings(operator=OperatorSettings(contact="help@example.com"))
    setup = {"status": "in_progress", "messaging": {"platform": " Pigeon "}, "droplet": {"id": "7"}}
    record = new_record(status="in_progress", setup=setup)
    return MemoryWork(settings, Services(settings), record, server=MemoryServer())


def test_the_steps_set_up_a_channel_that_they_do_not_know(work: MemoryWork) -> None:
    assert Messaging().needs(work.settings, work.customer) == ["a loft for Ada Example"]
    Messaging().begin(work)
    assert not Messaging().done(work.customer)
    assert Messaging().run(work) == Done()
    assert Messaging().done(work.customer)
    assert Handoff().run(work) == Done()

    assert work.said[0] == "the pigeon is hatched"
    assert any(said.startswith("the pigeon carries ") for said in work.said)
    assert work.details[work.events.index("onboarding_message_sent")] == (
        "Sent through the pigeon of Ada Example"
    )
    assert work.customer.status == "active"


def test_the_doctor_says_what_the_channel_sees(work: MemoryWork) -> None:
    found, said = Findings(), list[str]()
    look_at_channels(work.settings, [], [], found, said.append)

    assert "pigeons" in found.looked
    assert said == ["called the pigeon"]
    assert [(trouble.whom, trouble.problem, trouble.hint) for trouble in found.noted] == [
        ("the pigeon", "it is ill", "feed it")
    ]


@pytest.mark.parametrize("platform", ["discord", "smoke"])
def test_a_channel_that_is_not_there_is_refused_with_what_is(platform: str) -> None:
    customer = new_record(setup={"messaging": {"platform": platform}}).customer

    assert known_channel(customer) is None
    (missing,) = channel_needs(Settings(), customer)
    assert missing.startswith(f"{platform} cannot be set up yet: ")
    assert "setup.messaging.platform telegram" in missing
    with pytest.raises(InputError, match=f"{platform} cannot be set up yet"):
        channel_of(customer)
