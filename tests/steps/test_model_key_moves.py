"""From the shared key to one of the customer's own and back: it answers, and no key is left over."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from pydantic import SecretStr

from provisioner.errors import RemoteError
from provisioner.failpoints import failpoint
from provisioner.services.factory import Services
from provisioner.settings import ModelKeySettings, MoltbotSettings, Settings
from provisioner.step import Done
from provisioner.steps.moltbot import Apply, Moltbot
from tests.dying import killed_at
from tests.openrouters import ServedAccount, openrouter
from tests.steps.key_servers import KeyServer
from tests.steps.support import MemoryWork, new_record

SHARED = "sk-ant-api03-the-operators-own"
SETUP: dict[str, Any] = {
    "status": "complete",
    "droplet": {"id": "7", "ip": "192.0.2.7", "hostKey": "K", "hostKeyRenewed": "2026-01-29T05:54:00Z"},
    "messaging": {"platform": "telegram", "connected": True, "botUsername": "b_bot", "userId": "1"},
    "handoff": {"completed": True, "onboardingMessageSent": True, "answeredOn": "7"},
}


class Sharing(KeyServer):
    """One whose assistant answers with the shared key, too."""

    def run(self, command: str, *, timeout: float = 30) -> str:
        if self.files.get(self.used) == SHARED and "openclaw-answers" in command:
            return '{"answers": true, "text": "READY"}\n'
        return super().run(command, timeout=timeout)


def settings_of(router: ServedAccount, *, own: bool) -> Settings:
    settings = Settings.model_validate({**router.settings, "anthropic_key": SHARED})
    shared = {"model_keys": ModelKeySettings(), "moltbot": MoltbotSettings()}
    return settings if own else settings.model_copy(update=shared)


def new_process(router: ServedAccount, before: MemoryWork, *, own: bool) -> MemoryWork:
    settings = settings_of(router, own=own)
    services = Services(settings, clock=router.clock)
    work = MemoryWork(settings, services, before.saved, server=before.server, clock=router.clock)
    work.before = lambda what: failpoint(f"before {what}")
    work.after = lambda what: failpoint(f"after {what}")
    return work


def working(router: ServedAccount, *, own: bool) -> tuple[MemoryWork, Sharing]:
    settings = settings_of(router, own=own)
    server, record = Sharing(router=router), new_record(status="active", setup=SETUP)
    services = Services(settings, clock=router.clock)
    work = MemoryWork(settings, services, record, server=server, clock=router.clock)
    assert Moltbot().run(work) == Done()
    return work, server


@pytest.fixture
def router() -> Iterator[ServedAccount]:
    with openrouter() as found:
        yield found


def test_killed_anywhere_a_customer_comes_to_a_key_of_their_own(router: ServedAccount) -> None:
    for at in count():
        work, server = working(router, own=False)
        assert list(server.files.values()) == [SHARED]
        with killed_at(at) as places:
            Apply().run(new_process(router, work, own=True))
        assert Apply().run(new_process(router, work, own=True)) == Done()
        [key] = router.keys
        assert server.files == {work.customer.setup.model_key.mark: key.secret}
        assert (work.customer.setup.moltbot.applied or {})["modelKey"] == "openrouter"
        assert SHARED not in str(work.saved.data)
        assert key.secret not in str(work.saved.data)
        router.account.keys.clear()
        if at >= len(places):
            break
    assert at > 20


def test_killed_anywhere_a_customer_comes_back_to_the_shared_key(router: ServedAccount) -> None:
    for at in count():
        work, server = working(router, own=True)
        [key] = router.keys
        with killed_at(at) as places:
            Apply().run(new_process(router, work, own=False))
        assert Apply().run(new_process(router, work, own=False)) == Done()
        assert router.keys == []
        assert router.answers(key.secret) == 401
        assert list(server.files.values()) == [SHARED]
        assert work.customer.setup.model_key.requested_at is None
        if at >= len(places):
            break
    assert at > 15


def test_an_own_key_that_does_not_answer_is_not_taken_for_applied(router: ServedAccount) -> None:
    work, _ = working(router, own=False)
    had = work.customer.setup.moltbot.applied
    router.account.credit = router.account.used

    with pytest.raises(RemoteError) as failed:
        Apply().run(new_process(router, work, own=True))

    assert "look at the key in the provider's settings" in str(failed.value.hint)
    assert work.customer.setup.moltbot.applied == had
    router.account.credit += 100
    assert Apply().run(new_process(router, work, own=True)) == Done()


@pytest.mark.parametrize(("left", "refused"), [(0, True), (1, False)])
def test_without_credit_nothing_begins(router: ServedAccount, left: int, refused: bool) -> None:
    router.account.credit = router.account.used + left
    settings = settings_of(router, own=True)
    said = Moltbot().refusals(settings, Services(settings, clock=router.clock), new_record().customer)

    assert bool(said) is refused
    assert all("buy credit" in one for one in said)


def test_a_wrong_management_key_is_said_before_anything_is_spent(router: ServedAccount) -> None:
    wrong = SecretStr("sk-or-v1-wrong-and-long-enough")
    settings = settings_of(router, own=True).model_copy(update={"openrouter_management_key": wrong})

    [said] = Moltbot().refusals(settings, Services(settings, clock=router.clock), new_record().customer)

    assert "put it into OPENROUTER_MANAGEMENT_KEY" in said
    assert "wrong-and-long" not in said
