"""`handover`: what has to be confirmed and given, and the report in both forms."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backups.assistants import EMAIL
from tests.cli.conftest import Invoke
from tests.clouds import CloudServer
from tests.steps.handover.owners import OUR_MODEL_KEY, THEIR_MODEL_KEY, Owner, owner


@pytest.fixture
def ada(
    tmp_path: Path, clouds: CloudServer, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Owner]:
    with clouds.cloud() as cloud, owner(tmp_path / "site", cloud) as found:
        monkeypatch.setenv("PROVISIONER_WORKSPACE", str(found.leaver.site.workspace.root))
        monkeypatch.setattr("provisioner.settings.load_settings", lambda _: found.leaver.site.settings)
        yield found


def test_the_report_lists_each_secret_with_its_proof(ada: Owner, invoke: Invoke, tmp_path: Path) -> None:
    old = ada.bot.token
    key = tmp_path / "model-key"
    key.write_text(f"{THEIR_MODEL_KEY}\n")
    words = ("--ssh-key", str(ada.key_file), "--api-key-file", str(key), "--yes", EMAIL.upper())

    ended = invoke("handover", EMAIL, *words)

    assert ended.code == 0, ended.err
    ada.demand_theirs(old)
    again = invoke("handover", EMAIL, "--json")
    [entry] = json.loads(again.out)["customers"]
    assert entry["status"] == "handed_over"
    assert len(entry["report"]) == 7
    assert all(row["what"] and row["done"] and row["proof"] for row in entry["report"])
    assert any("stays on this DigitalOcean account" in line for line in entry["leftToYou"])
    assert "a login with it is refused" in " ".join(ended.out.split())
    for text in (ended.out, ended.err, again.out, again.err):
        assert THEIR_MODEL_KEY not in text
        assert ada.bot_token not in text
    assert "handed over on" in again.err or "handed over on" in invoke("handover", EMAIL).err
    for other in (("provision",), ("apply",), ("backup",), ("rotate", "gateway-token")):
        refused = invoke(*other, EMAIL)
        assert refused.code in (0, 2), (other, refused.err)
    assert "it is theirs, and takes no key of ours" in invoke("ssh", EMAIL, "--", "true").err
    assert ada.gateway.starts == 1


@pytest.mark.parametrize("words", [(), ("--yes", "other@example.com"), ("--yes", "yes")])
def test_nothing_is_done_unless_the_address_is_typed(
    ada: Owner, invoke: Invoke, words: tuple[str, ...]
) -> None:
    ended = invoke("handover", EMAIL, "--ssh-key", str(ada.key_file), *words)

    assert ended.code == 2
    assert ada.customer.handover is None


def test_files_that_have_not_what_they_should(ada: Owner, invoke: Invoke, tmp_path: Path) -> None:
    def refused(name: str, text: str, option: str) -> str:
        file = tmp_path / name
        file.write_text(text)
        words = () if option == "--ssh-key" else ("--ssh-key", str(ada.key_file))
        ended = invoke("handover", EMAIL, *words, option, str(file), "--yes", EMAIL)
        assert ended.code == 2, ended.err
        assert ada.customer.handover is None
        return ended.err

    ours = ada.leaver.site.server.operator
    assert "is our own key" in refused("ours", ours.private, "--ssh-key")
    assert "is not one line" in refused("two", f"{ours.public}\n{ada.public}\n", "--ssh-key")
    assert "no public key that a server takes" in refused("dots", "ssh-ed25519 AAAA...\n", "--ssh-key")
    assert "and nothing else" in refused("words", "a key\n", "--api-key-file")
    assert "holds our own key" in refused("shared", OUR_MODEL_KEY, "--api-key-file")
    assert invoke("handover", EMAIL, "--yes", EMAIL).code == 2
