"""One account of the sandbox's OpenRouter, over HTTP, for who makes customers' keys there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from provisioner.sandbox.faults.injection import BreakableProtocol, Injection
from provisioner.sandbox.faults.rules import FaultBook, FaultParams, Rule
from provisioner.sandbox.openrouter.account import Account, ApiKey
from provisioner.sandbox.openrouter.app import openrouter_app
from tests.serving import serving
from tests.steps.support import FastClock

MANAGEMENT = "sk-or-v1-" + "4d" * 32
MODEL = "openrouter/anthropic/claude-haiku-4.5"


@dataclass
class ServedAccount:
    """The account, the address of its API, and what goes wrong on the way to it."""

    account: Account
    root: str
    clock: FastClock
    book: FaultBook = field(default_factory=FaultBook)

    @property
    def settings(self) -> dict[str, Any]:
        """What points the product at it."""
        return {
            "openrouter_management_key": MANAGEMENT,
            "openrouter_base_url": self.root,
            "model_keys": {"provider": "openrouter", "monthly_budget": 20},
            "moltbot": {"model": MODEL},
        }

    @property
    def keys(self) -> list[ApiKey]:
        """Those that there are, the oldest first."""
        return list(self.account.keys.values())

    def spend(self, dollars: str, key: ApiKey | None = None) -> None:
        """As answers that cost so much."""
        self.account.charge(key or self.keys[-1], Decimal(dollars))

    def answers(self, secret: str) -> int:
        """The status that a question to the model gets with this key."""
        body = {"model": "anthropic/claude-haiku-4.5", "messages": [{"role": "user", "content": "hi"}]}
        headers = {"authorization": f"Bearer {secret}"}
        return httpx.post(f"{self.root}/chat/completions", json=body, headers=headers).status_code

    def fault(self, kind: Any, method: str, path: str = "", count: int | None = 1, **params: Any) -> None:
        """Break the next requests that fit."""
        told = FaultParams(**params)
        rule = Rule(service="openrouter", kind=kind, method=method, path=path, count=count, params=told)
        self.book.add(rule)

    def asked(self, method: str) -> int:
        """How often it was asked with this method, whatever came of it."""
        return sum(row.count for row in self.book.requests() if row.method == method)


@contextmanager
def openrouter(clock: FastClock | None = None) -> Iterator[ServedAccount]:
    """A fresh account there, whose months go by this clock."""
    clock = clock or FastClock()
    account, book = Account(MANAGEMENT, now=clock.time), FaultBook()
    app = Starlette(routes=[Mount("/openrouter", Injection(openrouter_app(account), "openrouter", book))])
    with serving(app, protocol=BreakableProtocol) as address:
        yield ServedAccount(account, f"{address}/openrouter/api/v1", clock, book)
