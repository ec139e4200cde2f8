"""Test clocks, for programs that bring their own: here all of them are the account's one clock."""

from pydantic import Field

from provisioner.sandbox.stripe.account import Json
from provisioner.sandbox.stripe.call import Call, Endpoint, retrieve
from provisioner.sandbox.stripe.clock import DAY
from provisioner.sandbox.stripe.errors import impossible
from provisioner.sandbox.stripe.forms import Form, ListForm, Text
from provisioner.sandbox.stripe.life.due import settle
from provisioner.sandbox.stripe.lists import listing

_KIND = "test_helpers.test_clock"
_PATH = "test_helpers/test_clocks"


class NewClock(Form):
    frozen_time: int
    name: Text = Field(default=None, max_length=300)


class Advance(Form):
    frozen_time: int


def _create(call: Call[NewClock]) -> Json:
    account, form = call.account, call.form
    if account.livemode:
        raise impossible("Test clocks are not available in live mode.")
    made: Json = {
        "id": account.new_id("clock"),
        "object": _KIND,
        "created": account.now,
        "deletes_after": account.now + 30 * DAY,
        "frozen_time": form.frozen_time,
        "livemode": False,
        "name": form.name,
        "status": "ready",
        "status_details": {},
    }
    return account.add(made)


def _advance(call: Call[Advance]) -> Json:
    clock, target = call.the(_KIND), call.form.frozen_time
    if target <= clock["frozen_time"]:
        raise impossible("frozen_time must be after the current frozen_time", param="frozen_time")
    call.account.clock.move_on(max(0, target - call.account.now))
    settle(call.account)
    call.deliveries.nudge()
    clock["frozen_time"] = target
    return clock


def _delete(call: Call[Form]) -> Json:
    clock = call.the(_KIND)
    del call.account.table(_KIND)[clock["id"]]
    return {"id": clock["id"], "object": _KIND, "deleted": True}


ENDPOINTS = (
    Endpoint("POST", _PATH, NewClock, _create),
    Endpoint("POST", f"{_PATH}/{{id}}/advance", Advance, _advance),
    Endpoint("DELETE", f"{_PATH}/{{id}}", Form, _delete),
    retrieve(_KIND, _PATH),
    listing(_KIND, _PATH, ListForm),
)
