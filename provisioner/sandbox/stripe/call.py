"""One request as the resources see it: authenticated, its parameters read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from provisioner.sandbox.stripe.account import Account, Json
from provisioner.sandbox.stripe.deliveries import Deliveries
from provisioner.sandbox.stripe.forms import Form, FormT


@dataclass(frozen=True)
class Call(Generic[FormT]):
    account: Account
    deliveries: Deliveries
    path: Mapping[str, str]
    form: FormT

    @property
    def id(self) -> str:
        """The id in the path."""
        return self.path["id"]

    def the(self, kind: str) -> Json:
        """The object that the path names."""
        return self.account.find(kind, self.id)


@dataclass(frozen=True)
class Endpoint:
    """A method and a path below `/v1`; `handle` runs under the account's lock."""

    method: str
    path: str
    form: type[Form]
    handle: Callable[[Call[Any]], Json]


def retrieve(kind: str, path: str) -> Endpoint:
    """`GET path/{id}`."""
    return Endpoint("GET", f"{path}/{{id}}", Form, lambda call: call.the(kind))
