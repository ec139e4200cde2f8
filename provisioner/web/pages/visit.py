"""What a page is asked, and by whom: pure, so that pages are functions of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from provisioner.web.access.operators import Operator
from provisioner.web.access.roles import Right


@dataclass(frozen=True)
class Visit:
    """One request, read whole."""

    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    """What stands in the path in the places of names."""
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    who: Operator | None = None
    session: str | None = None
    """What the browser has as its session's id, good or not."""
    peer: str = ""
    """The address from which it came, as far as our own proxy knows."""

    @property
    def operator(self) -> Operator:
        """Who is signed in; only pages that nobody else sees ask for it."""
        assert self.who is not None, "the page is for everybody"
        return self.who

    def may(self, right: Right) -> bool:
        return self.who is not None and self.who.may(right)

    def with_query(self, **changes: str | int | None) -> str:
        """The address of this page with some of its query changed; None takes a word out."""
        query = {**self.query, **changes}
        kept = {name: str(value) for name, value in query.items() if value not in (None, "")}
        return f"{self.path}?{urlencode(kept)}" if kept else self.path
