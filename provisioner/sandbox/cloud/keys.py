"""SSH keys of the account. Fingerprints are MD5 in pairs of hex digits, as the API gives them."""

import base64
import binascii
import hashlib
import re

from pydantic import BaseModel, Field
from starlette.responses import Response

from provisioner.sandbox.cloud.call import Call, Endpoint, answer, nothing
from provisioner.sandbox.cloud.errors import not_found, unprocessable
from provisioner.sandbox.cloud.pagination import SinglePage, paginate
from provisioner.sandbox.cloud.state import Cloud, Key

_FINGERPRINT = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){15}")


class NewKey(BaseModel):
    name: str = Field(min_length=1, max_length=255)
    public_key: str


class KeyName(BaseModel):
    name: str = Field(min_length=1, max_length=255)


def index(call: Call) -> Response:
    call.cloud.limits.take_key_list(call.cloud.options.key_list_limit)
    return paginate(call, "ssh_keys", list(call.cloud.keys.values()), render, SinglePage.EMPTY_PAGES)


def create(call: Call) -> Response:
    form = call.form(NewKey)
    cloud = call.cloud
    fingerprint = md5_fingerprint(form.public_key)
    if any(key.fingerprint == fingerprint for key in cloud.keys.values()):
        raise unprocessable("SSH Key is already in use on your account")
    key = Key(cloud.next_id(), form.name, form.public_key.strip(), fingerprint)
    cloud.keys[key.id] = key
    return answer({"ssh_key": render(key)}, 201)


def show(call: Call) -> Response:
    return answer({"ssh_key": render(_asked(call))})


def rename(call: Call) -> Response:
    key = _asked(call)
    key.name = call.form(KeyName).name
    return answer({"ssh_key": render(key)})


def delete(call: Call) -> Response:
    del call.cloud.keys[_asked(call).id]
    return nothing()


def find(cloud: Cloud, identifier: int | str) -> Key | None:
    """The key with this id (a number, or its digits) or MD5 fingerprint."""
    text = str(identifier)
    if _FINGERPRINT.fullmatch(text):
        return next((key for key in cloud.keys.values() if key.fingerprint == text), None)
    return cloud.keys.get(int(text)) if text.isascii() and text.isdecimal() else None


def md5_fingerprint(public_key: str) -> str:
    """Of a line `type base64 [comment]`; raises the 422 for any other text."""
    words = public_key.split()
    if len(words) < 2:
        raise _malformed()
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        raise _malformed() from None
    # A key blob begins with its own type, as a length and that many bytes.
    if blob[4 : 4 + int.from_bytes(blob[:4])] != words[0].encode():
        raise _malformed()
    return hashlib.md5(blob, usedforsecurity=False).digest().hex(":")


def render(key: Key) -> dict[str, object]:
    return {"id": key.id, "fingerprint": key.fingerprint, "public_key": key.public_key, "name": key.name}


def _asked(call: Call) -> Key:
    key = find(call.cloud, call.path["key"])
    if key is None:
        raise not_found()
    return key


def _malformed() -> Exception:
    return unprocessable("Key invalid, key should be of the format `type key [comment]`")


ENDPOINTS = (
    Endpoint("GET", "/account/keys", index),
    Endpoint("POST", "/account/keys", create),
    Endpoint("GET", "/account/keys/{key}", show),
    Endpoint("PUT", "/account/keys/{key}", rename),
    Endpoint("DELETE", "/account/keys/{key}", delete),
)
