"""How a droplet is told from all others, before it exists and ever after.

Of a customer's, the name and the first tag follow from the customer's id alone. A second tag states the
public half of the host key that the request put into it, so that a droplet whose answer was lost still says
which request made it, and by which key it is to be known. A third one is the mark of the workspace, as
several may share an account, and a fourth one is on all droplets of this product.
"""

import base64
import hashlib
import re
from collections.abc import Iterable

from provisioner.ssh.keys import KEY_TYPE

FLEET_TAG = "provisioner"
"""On every droplet; the firewall applies to it."""

_CUSTOMER = "customer:"
_WORKSPACE = "workspace:"
HOST_KEY_TAG = "host-key:"
"""What the tag begins with that states the host key of one droplet."""
_NAME_PREFIX = "moltbot-"
# A host name in Linux has at most 64 characters, and in DNS 63.
_LONGEST_NAME = 63
_PLAIN_ID = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_KEY_BYTES = 32
# An SSH public key is its type and then its bytes, each after its length in four bytes.
_BLOB_HEAD = len(KEY_TYPE).to_bytes(4) + KEY_TYPE.encode() + _KEY_BYTES.to_bytes(4)


def name_of(customer_id: str) -> str:
    """The droplet's name, which is a valid host name; no two ids have the same."""
    plain = _NAME_PREFIX + customer_id.replace("_", "-")
    if _PLAIN_ID.fullmatch(customer_id) and len(plain) <= _LONGEST_NAME:
        return plain
    mark = _mark(customer_id)
    readable = re.sub(r"[^a-z0-9]+", "-", plain.lower())[: _LONGEST_NAME - len(mark) - 1]
    return f"{readable.strip('-')}-{mark}"


def tag_of(customer_id: str) -> str:
    """The droplet's tag; lower case only, because the API keeps the first spelling it ever saw."""
    if _PLAIN_ID.fullmatch(customer_id):
        return _CUSTOMER + customer_id
    return f"{_CUSTOMER}{re.sub(r'[^a-z0-9_-]', '-', customer_id.lower())}:{_mark(customer_id)}"


def tags_of(customer_id: str, host_key: str, mark: str) -> tuple[str, ...]:
    """All tags of the customer's droplet that is asked for with this host key, from this workspace."""
    return all_tags(tag_of(customer_id), host_key, mark)


def all_tags(own: str, host_key: str, mark: str) -> tuple[str, ...]:
    """All tags of the droplet whose own tag is `own`; `host_key` is the public half."""
    return own, _host_key_tag(host_key), _WORKSPACE + mark, FLEET_TAG


def is_of(tags: Iterable[str], mark: str) -> bool:
    """Whether a droplet carries this workspace's mark."""
    return _WORKSPACE + mark in tags


def other_workspace(tags: Iterable[str], mark: str) -> str | None:
    """The mark of another workspace that a droplet carries; None for ours, and for one without a mark."""
    marks = {tag.removeprefix(_WORKSPACE) for tag in tags if tag.startswith(_WORKSPACE)}
    return None if mark in marks else next(iter(sorted(marks)), None)


def stated_host_key(tags: Iterable[str], comment: str) -> str | None:
    """The host key, as one public line, that a droplet's tags state; None if they state none, or several."""
    stated = {tag.removeprefix(HOST_KEY_TAG) for tag in tags if tag.startswith(HOST_KEY_TAG)}
    if len(stated) != 1:
        return None
    [digits] = stated
    if not re.fullmatch(rf"[0-9a-f]{{{2 * _KEY_BYTES}}}", digits):
        return None
    blob = base64.b64encode(_BLOB_HEAD + bytes.fromhex(digits)).decode("ascii")
    return f"{KEY_TYPE} {blob} {comment}"


def same_key(one: str | None, other: str | None) -> bool:
    """Whether two public lines are the same key, whatever their comments."""
    return one is not None and other is not None and one.split()[:2] == other.split()[:2]


def _host_key_tag(public: str) -> str:
    blob = base64.b64decode(public.split()[1])
    assert blob.startswith(_BLOB_HEAD), "host keys are Ed25519"
    return HOST_KEY_TAG + blob[len(_BLOB_HEAD) :].hex()


def _mark(customer_id: str) -> str:
    return hashlib.sha256(customer_id.encode()).hexdigest()[:8]
