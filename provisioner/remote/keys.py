"""Ed25519 SSH key pairs: the operator's, and each server's host key."""

import base64
import hashlib
from dataclasses import dataclass, field

KEY_TYPE = "ssh-ed25519"


@dataclass(frozen=True)
class KeyPair:
    """A key pair as OpenSSH writes it: `private` a PEM text that ends in a newline, `public` one line."""

    private: str = field(repr=False)
    public: str


def generate_keypair(comment: str) -> KeyPair:
    """A fresh Ed25519 pair; the private half is not encrypted.

    paramiko cannot make or write Ed25519 keys, so `cryptography` does.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode("ascii")
    ending = "" if private.endswith("\n") else "\n"
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")
    return KeyPair(private=private + ending, public=f"{public} {comment}")


def public_half(private: str) -> str:
    """The public line, without a comment, of an unencrypted private key in OpenSSH form.

    Raises ValueError if the text is not one.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

    key = load_ssh_private_key(private.encode(), password=None)
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")


def md5_fingerprint(public: str) -> str:
    """The colon form (`3b:16:…`) by which the DigitalOcean API knows a key; 47 characters."""
    digest = hashlib.md5(_blob(public), usedforsecurity=False).hexdigest()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def _blob(public: str) -> bytes:
    return base64.b64decode(public.split()[1])
