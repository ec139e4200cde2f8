"""SSH keys, and how often they may be listed."""

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.sandbox.cloud.conftest import Api


def public_key(seed: int) -> str:
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32).public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


KEY, OTHER_KEY = public_key(1), public_key(2)
# As ssh-keygen -l -E md5 prints it for KEY.
KEY_FINGERPRINT = "ab:f1:da:70:fb:1d:78:2a:1a:c7:69:73:3c:43:07:4f"


def register(api: Api, key: str = KEY) -> httpx.Response:
    return api.http.post("account/keys/", json={"name": "operator", "public_key": key})


def test_a_key_is_registered_once(api: Api) -> None:
    response = register(api)
    assert response.status_code == 201
    key = response.json()["ssh_key"]
    assert key.keys() == {"id", "fingerprint", "public_key", "name"}
    assert key["fingerprint"] == KEY_FINGERPRINT
    again = register(api, f"{KEY} with-a-comment")
    assert again.status_code == 422
    assert again.json()["message"] == "SSH Key is already in use on your account"


def test_a_key_is_found_by_id_and_by_fingerprint(api: Api) -> None:
    key = register(api).json()["ssh_key"]
    for identifier in (key["id"], key["fingerprint"]):
        assert api.http.get(f"account/keys/{identifier}").json() == {"ssh_key": key}
    assert api.http.get("account/keys/00:11").status_code == 404


def test_a_key_is_renamed_and_deleted(api: Api) -> None:
    key = register(api).json()["ssh_key"]
    renamed = api.http.put(f"account/keys/{key['id']}", json={"name": "laptop"})
    assert (renamed.status_code, renamed.json()["ssh_key"]["name"]) == (200, "laptop")
    assert api.http.delete(f"account/keys/{key['fingerprint']}").status_code == 204
    assert api.http.get("account/keys").json()["ssh_keys"] == []
    assert register(api).status_code == 201


@pytest.mark.parametrize("text", ["", "ssh-ed25519", "ssh-ed25519 ???", "ssh-rsa " + KEY.split()[1], "a b c"])
def test_what_is_no_key_is_refused(api: Api, text: str) -> None:
    assert register(api, text).status_code == 422


def test_keys_are_listed_ten_times_a_minute(api: Api) -> None:
    for _ in range(10):
        assert api.http.get("account/keys").status_code == 200
    refused = api.http.get("account/keys")
    assert refused.status_code == 429
    assert refused.headers["ratelimit-limit"] == "10"
    assert "retry-after" not in refused.headers
    assert register(api).status_code == 201, "only the listing is limited"
    api.clock.pass_(61)
    assert api.http.get("account/keys").json()["meta"]["total"] == 1
