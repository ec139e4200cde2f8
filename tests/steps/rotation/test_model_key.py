"""Another key for the model takes the place of the one in use, and no old one is taken any more."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from provisioner.errors import ProvisionerError, RemoteError
from provisioner.failpoints import failpoint
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.step import Done
from provisioner.steps.model_key import ensure_model_key
from provisioner.steps.moltbot import Apply, configure_gateway
from provisioner.steps.rotation.model_key import RotateModelKey
from tests.dying import killed_at
from tests.openrouters import ServedAccount, openrouter
from tests.steps.key_servers import KeyServer
from tests.steps.support import MemoryWork, new_record

SETUP: dict[str, Any] = {
    "status": "complete",
    "droplet": {"id": "7", "ip": "192.0.2.7", "hostKey": "K", "hostKeyRenewed": "2026-01-29T05:54:00Z"},
    "moltbot": {"installed": True, "version": "2026.9.6", "dropletId": "7"},
}


@dataclass
class Stage:
    """A customer whose assistant answers with a key of their own."""

    router: ServedAccount
    work: MemoryWork
    server: KeyServer

    def rotate(self) -> None:
        """As a new process."""
        work = MemoryWork(self.work.settings, self.work.services, self.work.saved, server=self.server)
        work.clock = self.router.clock
        assert not RotateModelKey().done(work.customer)
        work.before = lambda what: failpoint(f"before {what}")
        work.after = lambda what: failpoint(f"after {what}")
        assert RotateModelKey().run(work) == Done()

    def ask(self) -> None:
        asked = {"kind": "model-key", "requestedAt": "2026-11-01T00:00:00Z", "by": "bob"}
        self.work.write({"setup.rotation": asked})

    def demand_one_key(self) -> str:
        [key] = self.router.keys
        own = self.work.customer.setup.model_key
        assert (own.hash, own.replacement) == (key.hash, None)
        assert self.server.files == {own.mark: key.secret}
        assert self.server.used == own.mark
        assert self.router.answers(key.secret) == 200
        return key.secret

    @property
    def carried(self) -> int:
        return sum((self.work.customer.setup.model_key.carried or {}).values())


def staged(router: ServedAccount) -> Stage:
    settings = Settings.model_validate(router.settings)
    server = KeyServer(router=router)
    record = new_record(status="active", setup=SETUP)
    work = MemoryWork(settings, Services(settings, clock=router.clock), record, server=server)
    work.clock = router.clock
    ensure_model_key(work)
    configure_gateway(work)
    stage = Stage(router, work, server)
    stage.ask()
    return stage


@pytest.fixture
def router() -> Iterator[ServedAccount]:
    with openrouter() as found:
        yield found


def test_the_new_one_answers_and_the_old_one_is_refused(router: ServedAccount) -> None:
    stage = staged(router)
    old = stage.demand_one_key()
    router.spend("5")

    stage.rotate()

    new = stage.demand_one_key()
    assert new != old
    assert router.answers(old) == 401
    assert stage.work.events.count("model_key_replaced") == 1
    [key] = router.keys
    # What the old one has spent, an answer of a fraction of a cent too, is a part of this month's budget.
    assert stage.carried == 501
    assert (float(key.limit or 0), stage.work.customer.setup.model_key.limit) == (14.99, 1499)


def test_killed_anywhere_the_assistant_has_one_key_in_the_end(router: ServedAccount) -> None:
    for at in count():
        stage = staged(router)
        old = stage.demand_one_key()
        router.spend("5")
        with killed_at(at) as places:
            stage.rotate()
        # Whatever was killed, the gateway's key is answered.
        assert router.answers(stage.server.files[stage.server.used]) == 200
        if not RotateModelKey().done(stage.work.customer):
            stage.rotate()
        new = stage.demand_one_key()
        assert (router.answers(old) == 401) == (new != old)
        assert stage.carried in (0, 501)
        router.account.keys.clear()
        if at >= len(places):
            break
    assert at > 25


def test_a_new_key_that_does_not_answer_leaves_the_old_one_alive(
    router: ServedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = staged(router)
    old = stage.demand_one_key()
    with monkeypatch.context() as patch:
        patch.setattr("provisioner.steps.rotation.model_key.refusal", lambda _: "the gateway does not answer")
        with pytest.raises(RemoteError, match="does not answer") as failed:
            stage.rotate()

    assert "rotate model-key customer@example.com" in str(failed.value.hint)
    assert router.answers(old) == 200
    stage.rotate()
    assert stage.demand_one_key() != old
    assert router.answers(old) == 401


def test_an_old_key_that_stays_is_no_success(router: ServedAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = staged(router)
    with monkeypatch.context() as patch:
        patch.setattr("provisioner.services.model_keys.openrouter.OpenRouter.delete", lambda *_: None)
        with pytest.raises(ProvisionerError, match="still has the old one"):
            stage.rotate()

    stage.rotate()
    stage.demand_one_key()


def test_brought_up_to_date_in_the_middle_it_goes_on_all_the_same(router: ServedAccount) -> None:
    stage = staged(router)
    old = stage.demand_one_key()
    with killed_at("before the playbook moltbot"):
        stage.rotate()

    assert Apply().run(stage.work) == Done()
    stage.rotate()

    assert stage.demand_one_key() != old
    assert router.answers(old) == 401
