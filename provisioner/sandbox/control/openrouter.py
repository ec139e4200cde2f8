"""What somebody at OpenRouter's account would see and wait for: keys, spending, the end of the month."""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from provisioner.errors import SandboxError
from provisioner.sandbox.control.assembly import Assembly
from provisioner.sandbox.openrouter.account import Account, ApiKey
from provisioner.sandbox.openrouter.management import render


class _Spent(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    dollars: Decimal = Field(gt=0)


class _Days(BaseModel):
    model_config = ConfigDict(extra="forbid")

    days: float = Field(gt=0, le=3660)


def openrouter_routes(assembly: Assembly) -> list[Route]:
    """The keys, charging one of them, and days that pass for the account."""
    account = assembly.openrouter

    async def keys(_request: Request) -> Response:
        with account.lock:
            return JSONResponse([render(account, key) for key in reversed(account.keys.values())])

    async def spend(request: Request) -> Response:
        body = _Spent.model_validate_json(await request.body())
        with account.lock:
            account.charge(_newest(account, body.name), body.dollars)
        return Response(status_code=204)

    async def days(request: Request) -> Response:
        body = _Days.model_validate_json(await request.body())
        with account.lock:
            account.pass_days(body.days)
        return Response(status_code=204)

    return [
        Route("/openrouter/keys", keys, methods=["GET"]),
        Route("/openrouter/spend", spend, methods=["POST"]),
        Route("/openrouter/days", days, methods=["POST"]),
    ]


def _newest(account: Account, name: str) -> ApiKey:
    for key in reversed(account.keys.values()):
        if key.name == name:
            return key
    raise SandboxError("charge a key", whom=name, cause="there is none of this name")
