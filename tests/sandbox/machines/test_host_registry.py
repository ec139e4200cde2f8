"""Ranges and kernel settings are shared fairly among the sandboxes of a host."""

import json
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.errors import SandboxError
from provisioner.sandbox.machines import host_registry

POOL = IPv4Network("10.213.0.0/16")
FORWARDING = "net/ipv4/ip_forward"
INOTIFY = "fs/inotify/max_user_instances"


@given(st.sets(st.integers(0, 255), max_size=255))
def test_the_first_free_range_is_chosen(occupied: set[int]) -> None:
    taken = [IPv4Network(f"10.213.{number}.0/24") for number in occupied]
    first = next(number for number in range(256) if number not in occupied)
    assert host_registry.choose(POOL, taken) == IPv4Network(f"10.213.{first}.0/24")


def test_a_route_to_one_address_occupies_its_range() -> None:
    assert host_registry.choose(POOL, [IPv4Network("10.213.0.77/32")]) == IPv4Network("10.213.1.0/24")


def test_a_full_pool_says_what_to_do() -> None:
    with pytest.raises(SandboxError, match=r"no /24 of 10\.213\.0\.0/16 is free") as caught:
        host_registry.choose(POOL, [POOL])
    assert caught.value.hint is not None


def test_the_registry_keeps_what_was_written(tmp_path: Path) -> None:
    with host_registry.opened(tmp_path) as registry:
        registry.ranges["psone"] = "10.213.0.0/24"
    with host_registry.opened(tmp_path) as registry:
        assert registry.ranges == {"psone": "10.213.0.0/24"}


def test_a_block_that_fails_changes_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with host_registry.opened(tmp_path) as registry:
            registry.ranges["psone"] = "10.213.0.0/24"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with host_registry.opened(tmp_path) as registry:
        assert registry.ranges == {}


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    for name, value in ((FORWARDING, "0"), (INOTIFY, "128")):
        path = tmp_path / "sys" / name
        path.parent.mkdir(parents=True)
        path.write_text(value)
    return tmp_path / "sys"


def test_settings_return_when_the_last_sandbox_goes(tmp_path: Path, kernel: Path) -> None:
    for stem in ("psone", "pstwo"):
        with host_registry.opened(tmp_path) as registry:
            registry.ranges[stem] = "10.213.0.0/24"
            host_registry.raise_settings(registry, kernel)
    assert (kernel / FORWARDING).read_text() == "1"
    for stem, forwarding in (("psone", "1"), ("pstwo", "0")):
        with host_registry.opened(tmp_path) as registry:
            del registry.ranges[stem]
            host_registry.restore_settings(registry, kernel)
        assert (kernel / FORWARDING).read_text() == forwarding
    assert (kernel / INOTIFY).read_text() == "128"


def test_what_was_enough_or_changed_by_others_is_left_alone(tmp_path: Path, kernel: Path) -> None:
    (kernel / FORWARDING).write_text("1")
    with host_registry.opened(tmp_path) as registry:
        host_registry.raise_settings(registry, kernel)
        (kernel / INOTIFY).write_text("100000")
        host_registry.restore_settings(registry, kernel)
    assert (kernel / FORWARDING).read_text() == "1"
    assert (kernel / INOTIFY).read_text() == "100000"


def test_what_was_there_is_noted_before_it_is_changed(tmp_path: Path, kernel: Path) -> None:
    with host_registry.opened(tmp_path) as registry:
        host_registry.raise_settings(registry, kernel)
        noted = json.loads(registry.path.read_text())
    assert noted["settings_before"] == {FORWARDING: 0, INOTIFY: 128}
