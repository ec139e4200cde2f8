"""Events, webhook endpoints, and the account itself."""

from typing import Any

from pydantic import Field

from provisioner.sandbox.stripe.account import Json
from provisioner.sandbox.stripe.call import Call, Endpoint
from provisioner.sandbox.stripe.endpoints import add_endpoint, require_loopback
from provisioner.sandbox.stripe.errors import invalid, missing
from provisioner.sandbox.stripe.forms import Form, ListForm, Metadata, Text, merged
from provisioner.sandbox.stripe.lists import listing, page
from provisioner.sandbox.stripe.versions import known_version, rendered_event


class EventList(ListForm):
    type: str | None = None
    types: list[str] | None = Field(default=None, max_length=20)
    delivery_success: bool | None = None


class RetryForm(Form):
    # Unpublished; Stripe's own command line sends it.
    ignored = frozenset({"for_stripecli"})

    webhook_endpoint: str | None = None


class NewEndpoint(Form):
    url: str
    enabled_events: list[str] = Field(min_length=1)
    api_version: str | None = None
    description: Text = None
    metadata: Metadata = None


class EndpointUpdate(Form):
    url: str | None = None
    enabled_events: list[str] | None = None
    description: Text = None
    disabled: bool | None = None
    metadata: Metadata = None


def _event(call: Call[Any]) -> Json:
    found = call.the("event")
    if found not in call.account.events():
        raise missing("event", found["id"])
    return found


def _retrieve(call: Call[Form]) -> Json:
    event = _event(call)
    return rendered_event(event, event["api_version"])


def _index(call: Call[EventList]) -> Json:
    found = [
        event for event in call.account.events() if call.form.in_time(event) and _wanted(call.form, event)
    ]
    listed = page(call, "/v1/events", found)
    return {**listed, "data": [rendered_event(event, event["api_version"]) for event in listed["data"]]}


def _wanted(form: EventList, event: Json) -> bool:
    if form.type is not None and form.types is not None:
        raise invalid("You may only specify one of these parameters: type, types.")
    kinds = form.types if form.types is not None else [form.type] if form.type else None
    delivered = event["pending_webhooks"] == 0
    return (kinds is None or event["type"] in kinds) and form.delivery_success in (None, delivered)


def _retry(call: Call[RetryForm]) -> Json:
    """What `stripe events resend` asks for: to one endpoint, or to all."""
    event, named = _event(call), call.form.webhook_endpoint
    endpoints = call.account.all("webhook_endpoint")
    if named is not None:
        endpoints = [call.account.find("webhook_endpoint", named, param="webhook_endpoint")]
    for endpoint in endpoints:
        call.deliveries.resend(event, endpoint)
    return rendered_event(event, event["api_version"])


def _create(call: Call[NewEndpoint]) -> Json:
    form = call.form
    if form.api_version is not None and not known_version(form.api_version):
        raise invalid(f"Invalid API version: {form.api_version}", param="api_version")
    made = add_endpoint(call.account, form.url, form.enabled_events, version=form.api_version)
    made["description"] = form.description
    made["metadata"] = merged({}, form.metadata)
    # It is shown once, to whoever made it.
    return {**made, "secret": call.account.secrets[made["id"]][0].text}


def _update(call: Call[EndpointUpdate]) -> Json:
    form, endpoint = call.form, call.the("webhook_endpoint")
    if form.url is not None:
        require_loopback(form.url)
        endpoint["url"] = form.url
    if form.enabled_events is not None:
        endpoint["enabled_events"] = form.enabled_events
    if form.disabled is not None:
        endpoint["status"] = "disabled" if form.disabled else "enabled"
    endpoint["metadata"] = merged(endpoint["metadata"], form.metadata)
    return endpoint


def _delete(call: Call[Form]) -> Json:
    endpoint = call.the("webhook_endpoint")
    del call.account.table("webhook_endpoint")[endpoint["id"]]
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def _account(call: Call[Form]) -> Json:
    return {
        "id": call.account.id,
        "object": "account",
        "business_type": "company",
        "charges_enabled": True,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": True,
        "email": "owner@stuffpress.example",
        "payouts_enabled": True,
        "settings": {"dashboard": {"display_name": "StuffPress", "timezone": "Etc/UTC"}},
        "type": "standard",
    }


ENDPOINTS = (
    Endpoint("GET", "events/{id}", Form, _retrieve),
    Endpoint("GET", "events", EventList, _index),
    Endpoint("POST", "events/{id}/retry", RetryForm, _retry),
    Endpoint("POST", "webhook_endpoints", NewEndpoint, _create),
    Endpoint("POST", "webhook_endpoints/{id}", EndpointUpdate, _update),
    Endpoint("GET", "webhook_endpoints/{id}", Form, lambda call: call.the("webhook_endpoint")),
    Endpoint("DELETE", "webhook_endpoints/{id}", Form, _delete),
    listing("webhook_endpoint", "webhook_endpoints", ListForm),
    Endpoint("GET", "account", Form, _account),
)
