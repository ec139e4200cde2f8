"""Keys, parameters, errors, versions and expansion, as the official library meets them."""

import httpx
import pytest
import stripe as official

from tests.stripes import KEY, LIVE_KEY, World, client_of


def test_a_wrong_key_is_refused_and_not_shown(world: World) -> None:
    with (
        client_of(world.root, "sk_test_somebodyelses1234") as client,
        pytest.raises(official.AuthenticationError) as refused,
    ):
        client.v1.customers.list()
    assert refused.value.http_status == 401
    assert "somebodyelse" not in str(refused.value)
    assert httpx.get(f"{world.root}/v1/customers", verify=False).status_code == 401


def test_basic_authentication_and_a_restricted_key_open_it_too(world: World) -> None:
    assert httpx.get(f"{world.root}/v1/customers", auth=(KEY, ""), verify=False).status_code == 200
    assert world.raw("GET", "/v1/customers", key=KEY.replace("sk_", "rk_")).status_code == 200


def test_test_and_live_know_nothing_of_each_other(world: World) -> None:
    bought = world.buy()
    assert bought.livemode is False
    with client_of(world.root, LIVE_KEY) as live:
        with pytest.raises(official.InvalidRequestError) as refused:
            live.v1.subscriptions.retrieve(bought.id)
        assert refused.value.code == "resource_missing"
        assert live.v1.customers.create({"email": "live@example.com"}).livemode is True
    assert [one.email for one in world.client.v1.customers.list().data] == ["ada@example.com"]


def test_what_is_not_there_is_named(world: World) -> None:
    with pytest.raises(official.InvalidRequestError) as refused:
        world.client.v1.subscriptions.retrieve("sub_nobody")
    error = refused.value
    assert (error.http_status, error.code, error.param) == (404, "resource_missing", "id")
    assert str(error.request_id).startswith("req_")
    with pytest.raises(official.InvalidRequestError) as refused:
        world.client.v1.subscriptions.create({"customer": "cus_nobody", "items": [{"price": "price_no"}]})
    assert (refused.value.http_status, refused.value.param) == (400, "customer")


@pytest.mark.parametrize(
    ("path", "data", "param", "code"),
    [
        ("/v1/customers", {"emial": "a@example.com"}, "emial", "parameter_unknown"),
        ("/v1/subscriptions", {"customer": "cus_1"}, "items", "parameter_missing"),
        (
            "/v1/subscriptions",
            {"customer": "c", "items[0][prize]": "p"},
            "items[0][prize]",
            "parameter_unknown",
        ),
        (
            "/v1/prices",
            {"currency": "usd", "unit_amount": "9.99"},
            "unit_amount",
            "parameter_invalid_integer",
        ),
        ("/v1/checkout/sessions", {"mode": "subscription"}, "line_items", "parameter_missing"),
    ],
)
def test_a_wrong_parameter_is_named(
    world: World, path: str, data: dict[str, str], param: str, code: str
) -> None:
    answer = world.raw("POST", path, data=data)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)


def test_json_is_not_taken(world: World) -> None:
    answer = world.raw("POST", "/v1/customers", json={"email": "a@example.com"})
    assert answer.status_code == 400
    assert "application/x-www-form-urlencoded" in answer.json()["error"]["message"]


def test_an_unknown_path_is_404_with_a_request_id(world: World) -> None:
    answer = world.raw("GET", "/v1/nothing/here")
    assert answer.status_code == 404
    assert "Unrecognized request URL (GET: /v1/nothing/here)" in answer.json()["error"]["message"]
    assert answer.headers["request-id"].startswith("req_")


def test_ids_become_objects_where_they_are_expanded(world: World) -> None:
    bought = world.buy()
    found = world.client.v1.subscriptions.retrieve(
        bought.id,
        {
            "expand": [
                "customer",
                "latest_invoice.payments",
                "default_payment_method",
                "items.data.price.product",
            ]
        },
    )
    assert isinstance(found.customer, official.Customer)
    assert found.customer.email == "ada@example.com"
    assert isinstance(found.latest_invoice, official.Invoice)
    assert found.latest_invoice.payments is not None
    assert isinstance(found["items"].data[0].price.product, official.Product)
    listed = world.client.v1.subscriptions.list({"expand": ["data.customer"]})
    assert isinstance(listed.data[0].customer, official.Customer)
    with pytest.raises(official.InvalidRequestError, match="cannot be expanded"):
        world.client.v1.subscriptions.retrieve(bought.id, {"expand": ["status"]})


def test_a_version_that_is_none_is_refused_and_a_right_one_is_said_again(world: World) -> None:
    answer = world.raw("GET", "/v1/customers", headers={"Stripe-Version": "yesterday"})
    assert answer.status_code == 400
    answer = world.raw("GET", "/v1/customers", headers={"Stripe-Version": "2024-06-20"})
    assert answer.headers["stripe-version"] == "2024-06-20"


def test_the_older_shape_has_the_period_on_the_subscription(world: World) -> None:
    bought = world.buy()
    old = world.client.v1.subscriptions.retrieve(
        bought.id, {"expand": ["latest_invoice"]}, {"stripe_version": "2024-06-20"}
    ).to_dict()
    assert old["current_period_end"] == bought["items"].data[0].current_period_end
    assert "current_period_end" not in old["items"]["data"][0]
    assert old["latest_invoice"]["subscription"] == bought.id
    assert old["latest_invoice"]["paid"] is True
    assert "current_period_end" not in bought.to_dict()


def test_metadata_is_merged_and_taken_away(world: World) -> None:
    customers = world.client.v1.customers
    ada = customers.create({"email": "ada@example.com", "metadata": {"plan": "pro", "from": "web"}})
    changed = customers.update(ada.id, {"metadata": {"plan": "", "note": "x"}, "name": "Ada"})
    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"from": "web", "note": "x"}
    assert (changed.name, changed.email) == ("Ada", "ada@example.com")


def test_a_deleted_customer_ends_their_subscriptions(world: World) -> None:
    bought = world.buy()
    assert isinstance(bought.customer, str)
    assert world.client.v1.customers.delete(bought.customer).deleted is True
    assert world.client.v1.customers.retrieve(bought.customer).to_dict() == {
        "id": bought.customer,
        "object": "customer",
        "deleted": True,
    }
    assert world.subscription(bought.id).status == "canceled"


def test_a_portal_session_is_made_for_who_is_there(world: World) -> None:
    bought = world.buy()
    assert isinstance(bought.customer, str)
    made = world.client.v1.billing_portal.sessions.create(
        {
            "customer": bought.customer,
            "return_url": "https://example.com",
            "flow_data": {"type": "payment_method_update"},
        }
    )
    assert made.url.startswith("https://billing.stripe.com/")
    assert made.flow is not None
    assert made.flow.type == "payment_method_update"
    with pytest.raises(official.InvalidRequestError):
        world.client.v1.billing_portal.sessions.create({"customer": "cus_nobody"})
