"""What each operator may do."""

from collections.abc import Mapping
from typing import Literal, get_args

Role = Literal["owner", "support", "read-only"]
Right = Literal["look", "act", "money", "decide"]
"""look: at all but money. act: have something done. decide: about what cannot be undone, or costs."""

ROLES: tuple[str, ...] = get_args(Role)

RIGHTS: Mapping[Role, frozenset[Right]] = {
    "owner": frozenset({"look", "act", "money", "decide"}),
    "support": frozenset({"look", "act"}),
    "read-only": frozenset({"look", "money"}),
}
