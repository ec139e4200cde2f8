"""A new host key for a server, over the connection that the old one proves.

The first host key has to travel in the user data, which every program on the server can read. So the first
contact makes another one there, whose private half never leaves the server. In four moves, so that a crash
between any two is survived:

    public = prepare_host_key(connection)      # 1. made beside the old one; the server still shows the old
    ...                                        # 2. the caller records `public` beside the old key
    activate_host_key(connection, public)      # 3. the server shows the new one from the next connection on
    prove_host_key(host, public)               # 4. accepts nothing else; then forget the old

Each may be repeated. Between 2 and 4 both keys are in the record and in `Host.host_keys`.
"""

from dataclasses import replace

from provisioner.errors import RemoteError
from provisioner.reasons import DISK_FULL_HINT, says_disk_full
from provisioner.ssh.connection import Connection, Host, connect
from provisioner.ssh.keys import KEY_TYPE

_CURRENT = "/etc/ssh/ssh_host_ed25519_key"
_NEXT = f"{_CURRENT}.next"

_PREPARE = f"""\
set -euo pipefail
umask 077
if ! ssh-keygen -y -f {_NEXT} >/dev/null 2>&1; then
  rm -f {_NEXT} {_NEXT}.pub
  ssh-keygen -q -t ed25519 -N '' -C "$(hostname)" -f {_NEXT}
  sync {_NEXT}
fi
ssh-keygen -y -f {_NEXT}
"""

# The private half moves last: until then the old pair is whole for sshd, which reads only the private one.
_ACTIVATE = f"""\
set -euo pipefail
shown() {{ ssh-keygen -y -f "$1" | cut -d' ' -f1,2; }}
if [[ -e {_NEXT} ]]; then
  [[ $(shown {_NEXT}) == "$wanted" ]]
  shown {_NEXT} > {_CURRENT}.pub
  chmod 644 {_CURRENT}.pub
  mv -f {_NEXT} {_CURRENT}
  rm -f {_NEXT}.pub
  sync {_CURRENT}
fi
[[ $(shown {_CURRENT}) == "$wanted" ]]
sshd=$(command -v sshd || echo /usr/sbin/sshd)
"$sshd" -t
if systemctl is-active --quiet ssh; then systemctl reload ssh; else systemctl reload sshd; fi
"""


def prepare_host_key(connection: Connection) -> str:
    """Make the next host key on the server, once; its public line ("ssh-ed25519 AAAA…"). RemoteError."""
    result = connection.run(_PREPARE)
    words = result.out.split()
    if result.exit != 0 or len(words) < 2 or words[0] != KEY_TYPE:
        raise _error(connection.host, "make a new host key", result.complaint() or "ssh-keygen gave no key")
    return f"{words[0]} {words[1]}"


def activate_host_key(connection: Connection, public: str) -> None:
    """Have the server show the prepared key from now on; open connections stay. RemoteError.

    Call it when `public` is on disk in the record, beside the old key.
    """
    wanted = " ".join(public.split()[:2])
    result = connection.run(f"wanted='{wanted}'\n{_ACTIVATE}")
    if result.exit != 0:
        raise _error(
            connection.host, "change the host key", result.complaint() or "the prepared key is another one"
        )


def prove_host_key(host: Host, public: str, *, deadline: float = 30) -> Connection:
    """A connection on which the server has proven the new key; when it returns the old one may be forgotten.

    The old key is waited out for the deadline (sshd takes a moment to reload), never accepted. HostKeyError.
    """
    return connect(replace(host, host_keys=(public,)), deadline=deadline, grace=deadline)


def _error(host: Host, doing: str, cause: str) -> RemoteError:
    hint = DISK_FULL_HINT if says_disk_full(cause) else "run the same command again"
    return RemoteError(doing, whom=str(host), cause=cause, hint=hint, retry=True)
