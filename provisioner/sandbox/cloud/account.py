"""The account, and the catalogues that no request changes: regions, sizes, 1-click applications."""

from typing import Any, Final

from starlette.responses import Response

from provisioner.sandbox.cloud.call import Call, Endpoint, answer
from provisioner.sandbox.cloud.catalog import REGIONS, SIZES, render_region, render_size
from provisioner.sandbox.cloud.pagination import SinglePage, paginate

OWNER: Final = {
    "name": "Sandbox Owner",
    "email": "owner@sandbox.invalid",
    "uuid": "b6fr89dbf6d9156cace5f3c78dc9851d957381ef",
}
_TEAM = {"uuid": "5df3e3004a17e242b7c20ca6c9fc25b701a47ece", "name": "Sandbox"}
_STATUS_MESSAGES = {
    "active": "",
    "warning": "Your account needs attention.",
    "locked": "Your account is locked.",
}


def show(call: Call) -> Response:
    options = call.cloud.options
    account: dict[str, Any] = {
        "droplet_limit": options.droplet_limit,
        "floating_ip_limit": 3,
        **OWNER,
        "email_verified": True,
        "status": options.account_status,
        "status_message": _STATUS_MESSAGES[options.account_status],
        "team": _TEAM,
    }
    return answer({"account": account})


def regions(call: Call) -> Response:
    sold_out = call.cloud.options.sold_out
    return paginate(call, "regions", REGIONS, lambda region: render_region(region, sold_out))


def sizes(call: Call) -> Response:
    sold_out = call.cloud.options.sold_out
    return paginate(call, "sizes", SIZES, lambda size: render_size(size, sold_out), SinglePage.EMPTY_PAGES)


def one_clicks(_call: Call) -> Response:
    """None: the sandbox boots plain distributions only."""
    return answer({"1_clicks": []})


ENDPOINTS = (
    Endpoint("GET", "/account", show),
    Endpoint("GET", "/regions", regions),
    Endpoint("GET", "/sizes", sizes),
    Endpoint("GET", "/1-clicks", one_clicks),
)
