"""Whatever a request carries, it gets a result or a refusal."""

import contextlib
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.sandbox.stripe.app import ENDPOINTS
from provisioner.sandbox.stripe.call import Call
from provisioner.sandbox.stripe.dashboard import Dashboard, Purchase
from provisioner.sandbox.stripe.errors import StripeApiError
from provisioner.sandbox.stripe.expansion import expanded
from provisioner.sandbox.stripe.forms import decode, read
from provisioner.sandbox.stripe.life.due import settle
from provisioner.sandbox.stripe.modes import Credentials, Mode
from provisioner.sandbox.stripe.versions import CURRENT, OLD, rendered

NAMES = sorted({name for endpoint in ENDPOINTS for name in endpoint.form.model_fields} - {"expand"})
PATHS = [
    "customer",
    "latest_invoice.payments",
    "data.customer",
    "items.data.price.product",
    "data",
    "id",
    "x.y",
]


def _mode() -> Mode:
    mode = Mode(Credentials("sk_test_1", "whsec_1"))
    board = Dashboard(mode)
    board.checkout(Purchase(email="ada@example.com", telegram="ada"))
    board.checkout(Purchase(email="bert@example.com", card="declines"))
    board.refund("ada@example.com", 5)
    board.dispute("ada@example.com")
    return mode


def _ids_for(mode: Mode, path: str) -> list[str]:
    """Of what the path is about, and one of nothing."""
    about = path.partition("/{id}")[0].removesuffix("s").replace("checkout/session", "checkout.session")
    return [*mode.account.table(about), "nobody"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_request_is_answered(data: st.DataObject) -> None:
    mode = _mode()
    ids = [key for table in mode.account.objects.values() for key in table]
    atoms = st.sampled_from([*ids, "", "now", "true", "-1", "0", "7", "usd", "month", "1999999999", "draft"])
    shapes = st.recursive(
        atoms,
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
        ),
    )
    for _ in range(4):
        endpoint = data.draw(st.sampled_from(ENDPOINTS))
        given_ = data.draw(
            st.dictionaries(st.sampled_from(sorted(endpoint.form.model_fields)), shapes, max_size=4)
        )
        given_["expand"] = data.draw(st.lists(st.sampled_from(PATHS), max_size=2))
        with contextlib.suppress(StripeApiError):
            form = read(endpoint.form, given_)
            call: Call[Any] = Call(
                mode.account,
                mode.deliveries,
                {"id": data.draw(st.sampled_from(_ids_for(mode, endpoint.path)))},
                form,
            )
            answer = expanded(mode.account, endpoint.handle(call), form.expand)
            assert rendered(answer, CURRENT)
            assert rendered(answer, OLD)
    mode.account.clock.move_on(40 * 86400)
    settle(mode.account)


@given(st.text(alphabet="ab[]=&0123%. ", max_size=30))
def test_any_form_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(StripeApiError):
        decode(text)


def test_brackets_make_lists_and_levels() -> None:
    assert decode("items[0][price]=p&items[1][price]=q&expand[]=a&expand[]=b&m[x]=1&created[gte]=5&n=") == {
        "items": [{"price": "p"}, {"price": "q"}],
        "expand": ["a", "b"],
        "m": {"x": "1"},
        "created": {"gte": "5"},
        "n": "",
    }
