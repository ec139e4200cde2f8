"""Making, changing and deleting keys with the account's management key, which itself buys no answers."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar

from pydantic import BaseModel, Field, ValidationError

from provisioner.sandbox.openrouter.account import Account, ApiKey, Reset, start_of
from provisioner.sandbox.openrouter.errors import bad_request, invalid, not_found

Form = TypeVar("Form", bound=BaseModel)

PAGE: Final = 100
_HIDDEN: Final = ("hash", "name", "disabled", "created_at", "updated_at", "last_used_at", "external_user")
_OF_ITS_ACCOUNT: Final[dict[str, Any]] = {
    "is_free_tier": False,
    "is_management_key": False,
    "is_provisioning_key": False,
    "rate_limit": {"requests": -1, "interval": "10s", "note": "deprecated"},
    "free_model_daily_requests": {"limit": 1000, "remaining": 1000, "used": 0},
    "allowed_data_regions": ["global"],
    "budgets": [],
    "effective_budget": None,
    "organization_id": None,
}
_CREATOR: Final = "user_sandbox"
_WORKSPACE: Final = "0df9e665-d932-5740-b2c7-b52af166bc11"


class NewKey(BaseModel):
    """The body of a creation; keys that it does not name are ignored."""

    name: str = Field(min_length=1)
    limit: Decimal | None = Field(default=None, ge=0)
    limit_reset: Reset | None = None
    expires_at: datetime | None = None
    include_byok_in_limit: bool = False


class KeyChange(BaseModel):
    """What a change does not name stays as it is."""

    name: str = Field(default="", min_length=1)
    disabled: bool = False
    limit: Decimal | None = Field(default=None, ge=0)
    limit_reset: Reset | None = None
    include_byok_in_limit: bool = False


def create(account: Account, body: Any) -> dict[str, Any]:
    """The only answer in which the key itself stands."""
    form = _form(NewKey, body)
    key = account.add(
        form.name,
        form.limit,
        form.limit_reset,
        expires_at=form.expires_at,
        include_byok_in_limit=form.include_byok_in_limit,
    )
    return {"data": render(account, key), "key": key.secret}


def index(account: Account, query: dict[str, str]) -> dict[str, Any]:
    """The newest first, a hundred from `offset` on; disabled ones only if asked for."""
    offset = query.get("offset", "0")
    if not offset.isascii() or not offset.isdecimal():
        raise bad_request("offset: must be a non-negative integer")
    with_disabled = query.get("include_disabled") == "true"
    shown = [key for key in reversed(account.keys.values()) if with_disabled or not key.disabled]
    page = shown[int(offset) : int(offset) + PAGE]
    return {"data": [render(account, key) for key in page]}


def show(account: Account, hashed: str) -> dict[str, Any]:
    return {"data": render(account, _asked(account, hashed))}


def update(account: Account, hashed: str, body: Any) -> dict[str, Any]:
    key, form = _asked(account, hashed), _form(KeyChange, body)
    for name in form.model_fields_set:
        setattr(key, name, getattr(form, name))
    key.updated_at = account.timestamp()
    return {"data": render(account, key)}


def delete(account: Account, hashed: str) -> dict[str, Any]:
    """From now on nobody is answered who shows it."""
    del account.keys[_asked(account, hashed).hash]
    return {"deleted": True}


def current(account: Account, key: ApiKey) -> dict[str, Any]:
    """What a key may know of itself."""
    shown = render(account, key)
    own = {name: value for name, value in shown.items() if name not in _HIDDEN}
    return {"data": {**own, **_OF_ITS_ACCOUNT}}


def credits_of(account: Account) -> dict[str, Any]:
    return {"data": {"total_credits": float(account.credit), "total_usage": float(account.used)}}


def render(account: Account, key: ApiKey) -> dict[str, Any]:
    now = account.now()
    remaining = key.remaining(now)
    periods: tuple[Reset, ...] = ("daily", "weekly", "monthly")
    usage = {f"usage_{period}": float(key.usage(start_of(period, now))) for period in periods}
    return {
        "hash": key.hash,
        "name": key.name,
        "label": key.label,
        "disabled": key.disabled,
        "limit": None if key.limit is None else float(key.limit),
        "limit_remaining": None if remaining is None else float(remaining),
        "limit_reset": key.limit_reset,
        "include_byok_in_limit": key.include_byok_in_limit,
        "usage": float(key.usage()),
        **usage,
        **{f"byok_{name}": 0.0 for name in ("usage", *usage)},
        "created_at": key.created_at,
        "updated_at": key.updated_at,
        "last_used_at": key.last_used_at,
        "expires_at": None if key.expires_at is None else _written(key.expires_at),
        "creator_user_id": _CREATOR,
        "external_user": None,
        "workspace_id": _WORKSPACE,
    }


def _asked(account: Account, hashed: str) -> ApiKey:
    key = account.keys.get(hashed)
    if key is None:
        raise not_found("API key")
    return key


def _form(model: type[Form], body: Any) -> Form:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise invalid(error) from None


def _written(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
