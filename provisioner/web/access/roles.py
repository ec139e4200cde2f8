"""What each operator may do."""

from collections.abc import Mapping
from typing import Literal, get_args

Role = Literal["owner", "support", "read-only"]
Right = Literal["look", "act", "money", "leave"]
"""look: at all but money. act: have something done for a customer. leave: have them leave, for good."""

ROLES: tuple[str, ...] = get_args(Role)

RIGHTS: Mapping[Role, frozenset[Right]] = {
    "owner": frozenset({"look", "act", "money", "leave"}),
    "support": frozenset({"look", "act"}),
    "read-only": frozenset({"look", "money"}),
}
