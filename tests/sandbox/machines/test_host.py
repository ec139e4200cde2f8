"""Commands of the host, and what it says when it lacks them."""

import os
import platform
import shutil
from pathlib import Path

import pytest

from provisioner.errors import SandboxError
from provisioner.sandbox.machines import host


def test_a_command_answers_with_its_output(tmp_path: Path) -> None:
    assert host.run("cat", text="hello\n") == "hello\n"
    log = tmp_path / "log"
    assert host.run("sh", "-c", "echo out; echo err >&2", log=log) == ""
    assert log.read_text() == "out\nerr\n"


def test_a_failing_command_says_why() -> None:
    with pytest.raises(SandboxError, match=r"run `sh -c .*`: exit code 3: the disk is full"):
        host.run("sh", "-c", "echo the disk is full >&2; exit 3")
    assert host.run("sh", "-c", "exit 3", accept=(0, 3)) == ""


def test_a_failing_command_with_a_log_says_why(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="exit code 1: no mirror"):
        host.run("sh", "-c", "echo no mirror; exit 1", log=tmp_path / "log")


def test_a_command_that_hangs_is_stopped() -> None:
    with pytest.raises(SandboxError, match=r"had not ended after 0\.05 s") as caught:
        host.run("sleep", "60", timeout=0.05)
    assert caught.value.retry


def test_a_command_that_is_not_there_is_named() -> None:
    with pytest.raises(SandboxError, match="there is no command surely-not-installed"):
        host.run("surely-not-installed")


@pytest.mark.parametrize(("system", "user"), [("Darwin", 0), ("Linux", 1000)])
def test_without_linux_and_root_there_is_one_line(
    monkeypatch: pytest.MonkeyPatch, system: str, user: int
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert host.missing() == "the sandbox runs real systems: it needs Linux and root"
    with pytest.raises(SandboxError, match="it needs Linux and root") as caught:
        host.require()
    assert caught.value.hint is None


@pytest.mark.parametrize(("granted", "enough"), [("000001ffffffffff", True), ("00000000a80425fb", False)])
def test_root_in_a_container_may_lack_what_it_takes(granted: str, enough: bool) -> None:
    assert host._privileged(f"Name:\tx\nCapEff:\t{granted}\nCapBnd:\t0\n") is enough


def test_lacking_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(
        shutil, "which", lambda name, **_path: None if name in ("nft", "debootstrap") else name
    )
    assert host.lacking_packages() == ("debootstrap", "nftables")
    assert host.missing() == "the sandbox needs debootstrap, nft: apt-get install debootstrap nftables"
    monkeypatch.setattr(shutil, "which", lambda name, **_path: name)
    assert host.missing() is None
    host.require()
