"""The names of everything that a sandbox makes on its host, so that a clean-up by name finds all of it."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    """Names derived from a sandbox's id: the kernel allows 15 characters for a network link."""

    sandbox_id: str

    @property
    def stem(self) -> str:
        """Names the sandbox's bridge, its firewall table and its claims; begins every other name."""
        return "ps" + hashlib.sha256(self.sandbox_id.encode()).hexdigest()[:7]

    def machine(self, address: str) -> str:
        """Names one machine's control group, namespace and link, by the last number of its address."""
        return f"{self.stem}-{address.rsplit('.', 1)[1]}"

    def owns(self, name: str) -> bool:
        return name == self.stem or name.startswith(f"{self.stem}-")
