"""SSH key pairs: the operator's, of any kind that a server takes, and each server's Ed25519 host key."""

import base64
import hashlib
import io
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.errors import SettingsError

if TYPE_CHECKING:
    from paramiko import PKey

KEY_TYPE = "ssh-ed25519"
_OPENSSH = "-----BEGIN OPENSSH PRIVATE KEY-----"
_SET_ANOTHER = (
    "put it back from the backup, or correct [ssh] key in provisioner.toml; if no server knows it yet, take "
    "it and its .pub away, and [ssh] key too, and run provisioner init, which makes one"
)
_SMALLEST_RSA = 2048


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


def operator_key(path: Path | None) -> KeyPair:
    """The operator's key, from its file; SettingsError with the reason if it could not log us in anywhere.

    Ed25519, RSA from 2048 bits on, and ECDSA; in OpenSSH form, without a passphrase.
    """
    if path is None:
        raise _unusable("no key is set", _SET_ANOTHER)
    try:
        private = path.expanduser().read_text("ascii")
        return KeyPair(private, _usable_half(private))
    except _Unfit as problem:
        hint = problem.hint.format(path=shlex.quote(str(path)))
        raise _unusable(f"{path} {problem}", hint) from None
    except UnicodeDecodeError:
        raise _unusable(f"{path} is no private key", _SET_ANOTHER) from None
    except (OSError, RuntimeError) as problem:
        said = problem.strerror if isinstance(problem, OSError) else None
        raise _unusable(f"{path}: {said or problem}", _SET_ANOTHER) from None


def foreign_public_file(path: Path, key: KeyPair) -> str | None:
    """What is wrong with the `.pub` beside a private key: not that key's; None if it is, or is not there."""
    public = path.expanduser().with_name(f"{path.name}.pub")
    try:
        words = public.read_text("utf-8", "replace").split()
    except FileNotFoundError:
        return None
    except OSError as problem:
        return f"{public} cannot be read: {problem.strerror}"
    return None if words[:2] == key.public.split()[:2] else f"{public} is not the public half of {path.name}"


def login_key(private: str) -> "PKey":
    """The private key as paramiko has it. SettingsError if it is none that we could log in with."""
    from paramiko import ECDSAKey, Ed25519Key, RSAKey, SSHException

    kinds: dict[str, type[PKey]] = {"ssh-rsa": RSAKey, KEY_TYPE: Ed25519Key}
    try:
        kind = _usable_half(private).split()[0]
        return kinds.get(kind, ECDSAKey).from_private_key(io.StringIO(private))
    except (_Unfit, SSHException) as problem:
        raise _unusable(f"the key {problem}", _SET_ANOTHER) from None


class _Unfit(Exception):
    """Why a private key cannot be used, as the end of a sentence about it."""

    def __init__(self, reason: str, hint: str = _SET_ANOTHER) -> None:
        self.hint = hint
        super().__init__(reason)


def _usable_half(private: str) -> str:
    """The public line; `_Unfit`."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    if not private.lstrip().startswith(_OPENSSH):
        if "PRIVATE KEY-----" in private:
            raise _Unfit("is not in OpenSSH form", "ssh-keygen -p -f {path} writes it anew in that form")
        raise _Unfit("is no private key")
    try:
        key = load_ssh_private_key(private.encode(), password=None)
    except UnsupportedAlgorithm:
        raise _Unfit("is of a kind that cannot be used here (a key on a token?)") from None
    except TypeError:
        raise _Unfit("has a passphrase, which nobody could type during a run") from None
    except ValueError:
        raise _Unfit("is damaged, or of a kind that cannot be used here") from None
    if isinstance(key, RSAPrivateKey) and key.key_size < _SMALLEST_RSA:
        raise _Unfit(f"is an RSA key of {key.key_size} bits, which servers refuse")
    public = public_half(private)
    if public.split()[0] == "ssh-dss":
        raise _Unfit("is a DSA key, which servers refuse")
    return public


def _unusable(cause: str, hint: str) -> SettingsError:
    return SettingsError("use the operator's SSH key", cause=cause, hint=hint)


def stated_key(text: str) -> tuple[str, bool]:
    """The public line, without a comment, of the key in this text, and whether it is the private half.

    ValueError, with the end of a sentence about the key, for what no server would take.
    """
    if "PRIVATE KEY-----" in text:
        try:
            return _usable_half(text), True
        except _Unfit as problem:
            raise ValueError(str(problem)) from None
    words = text.split()
    if len(text.strip().splitlines()) != 1 or len(words) < 2:
        raise ValueError("is not one line as of a .pub file")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    public = " ".join(words[:2])
    try:
        key = load_ssh_public_key(public.encode("ascii"))
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("is no public key that a server takes") from None
    if words[0] == "ssh-dss" or (isinstance(key, RSAPublicKey) and key.key_size < _SMALLEST_RSA):
        raise ValueError(f"is a {words[0]} key that servers refuse")
    return public, False


def sha256_fingerprint(public: str) -> str:
    """The form (`SHA256:…`) in which sshd and ssh-keygen say which key it was."""
    return f"SHA256:{base64.b64encode(hashlib.sha256(_blob(public)).digest()).decode().rstrip('=')}"


def md5_fingerprint(public: str) -> str:
    """The colon form (`3b:16:…`) by which the DigitalOcean API knows a key; 47 characters."""
    digest = hashlib.md5(_blob(public), usedforsecurity=False).hexdigest()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def _blob(public: str) -> bytes:
    return base64.b64decode(public.split()[1])
