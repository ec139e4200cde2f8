"""The operator's key while another one takes its place: which is where, and the one moment of the change.

Beside the key in use there is at most one other file: `.next`, which servers are being taught, or `.old`,
which they are being told to forget. The change is one rename: before it every server takes the key in use,
and after it, too.
"""

from dataclasses import dataclass
from pathlib import Path

from provisioner.failpoints import failpoint
from provisioner.filesystem.durable import Files, explained, write_durably
from provisioner.ssh.keys import KeyPair, generate_keypair, operator_key

_DOING = "replace the operator's SSH key"
_COMMENT = "provisioner"


@dataclass(frozen=True)
class OperatorKeys:
    """The keys at this path, which is the one of the key in use; whoever changes them holds a lock."""

    path: Path

    @property
    def current(self) -> KeyPair:
        """SettingsError if it could not log us in anywhere."""
        return operator_key(self.path)

    @property
    def next(self) -> KeyPair | None:
        """The one that servers are being taught."""
        return operator_key(self._next) if self._next.exists() else None

    @property
    def old(self) -> KeyPair | None:
        """The one that was in use before, which servers may still take."""
        return operator_key(self._old) if self._old.exists() else None

    def all(self) -> tuple[KeyPair, ...]:
        """Every one that a server of ours may take."""
        return tuple(one for one in (self.current, self.next, self.old) if one is not None)

    def prepare(self) -> KeyPair:
        """The next one, made if there is none."""
        if self.next is None:
            made = generate_keypair(_COMMENT)
            failpoint("before the next SSH key is written")
            with explained(_DOING, str(self._next)):
                write_durably(Files(), self._next, made.private.encode("ascii"), None)
            failpoint("after the next SSH key is written")
        found = self.next
        assert found is not None, "it was just written"
        return found

    def change(self) -> None:
        """Have the next one in use, and the one before it kept as the old one; all servers take both."""
        files = Files()
        with explained(_DOING, str(self.path)):
            before = self.current.private.encode("ascii")
            write_durably(files, self._old, before, files.stamp(self._old))
            failpoint("before the SSH key in use is another one")
            files.rename(self._next, self.path)
            files.sync_folder(self.path.parent)
        failpoint("after the SSH key in use is another one")
        self.write_public()

    def write_public(self) -> None:
        """Have the public half of the one in use beside it."""
        public = self.path.with_name(f"{self.path.name}.pub")
        line = f"{self.current.public} {_COMMENT}\n".encode("ascii")
        files = Files()
        with explained(_DOING, str(public)):
            if not public.exists() or public.read_bytes() != line:
                write_durably(files, public, line, files.stamp(public))

    def forget_old(self) -> None:
        """Delete the old one; nothing happens where there is none."""
        failpoint("before the old SSH key is deleted")
        with explained(_DOING, str(self._old)):
            Files().remove(self._old)
        failpoint("after the old SSH key is deleted")

    @property
    def _next(self) -> Path:
        return self.path.with_name(f"{self.path.name}.next")

    @property
    def _old(self) -> Path:
        return self.path.with_name(f"{self.path.name}.old")
