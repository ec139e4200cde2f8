"""The process beside the sandbox's Stripe, which delivers its events signed, some twice and in disorder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.sandbox.stripe.dashboard import Goodbye
from provisioner.workspace import Workspace
from tests.payments.records import Place, comparable_records
from tests.stripes import KEY, SECRET, World, stripe_server
from tests.web.serving_process import ServingProcess, until

ADA = "ada@example.com"


@pytest.fixture
def world() -> Iterator[World]:
    with stripe_server() as server, server.world() as fresh:
        yield fresh


@pytest.fixture
def process(world: World, tmp_path: Path) -> Iterator[ServingProcess]:
    process = ServingProcess(
        tmp_path / "workspace",
        STRIPE_WEBHOOK_SECRET=f"whsec_another,{SECRET}",
        STRIPE_SECRET_KEY=KEY,
        STRIPE_API_BASE=world.root,
    )
    process.start()
    world.board.set_webhook(f"{process.url}/webhooks/stripe")
    yield process
    process.kill()


def is_settled(workspace: Workspace) -> bool:
    return not any((workspace.state_dir / "stripe" / "pending").glob("*.json"))


def test_a_life_that_stripe_tells_in_disorder_is_the_same_in_the_record(
    world: World, process: ServingProcess, tmp_path: Path
) -> None:
    world.options(doubles=0.5, disorder=True, hold=True)
    world.buy(ADA, name="Ada", telegram="@ada")
    board = world.board
    board.fail(ADA)
    board.pay(ADA)
    board.refund(ADA, 2000)
    board.cancel(ADA, Goodbye(now=True))
    world.options(doubles=0.5, disorder=True, hold=False)
    until(lambda: not world.mode.deliveries.waiting())
    until(lambda: is_settled(process.workspace))
    in_order = Place(tmp_path / "in-order")
    in_order.take(*[dict(one) for one in world.mode.account.all("event")])

    assert comparable_records(process.workspace.customers_dir) == in_order.records()
