"""Which rules of a cloud's firewalls are more, or less, than SSH."""

import pytest

from provisioner.doctor.firewalls import problems
from provisioner.services.cloud_models import Firewall
from provisioner.steps.droplet_identity import FLEET_TAG

SSH = ("tcp", "22")


def firewall(*inbound: tuple[str, str], tags: tuple[str, ...] = (FLEET_TAG,)) -> Firewall:
    return Firewall("provisioner-ssh", tags, (), inbound)


def found(*firewalls: Firewall, port: int = 22) -> list[str]:
    return [problem for _, problem, _ in problems(firewalls, {"7"}, port)]


@pytest.mark.parametrize("inbound", [(SSH,), (SSH, SSH), (SSH, ("icmp", "0"))])
def test_ssh_alone_is_right(inbound: tuple[tuple[str, str], ...]) -> None:
    assert found(firewall(*inbound)) == []


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (("tcp", "0"), "all TCP ports"),
        (("tcp", "all"), "all TCP ports"),
        (("udp", "1-65535"), "all UDP ports"),
        (("tcp", "20-30"), "TCP 20-30"),
        (("tcp", "443"), "TCP 443"),
        (("udp", "22"), "UDP 22"),
    ],
)
def test_whatever_is_open_besides_is_named(rule: tuple[str, str], words: str) -> None:
    assert found(firewall(SSH, rule)) == [f"it lets in more than SSH: {words}"]


def test_another_port_of_ssh_is_the_only_one_that_is_right() -> None:
    assert found(firewall(("tcp", "2222")), port=2222) == []
    assert found(firewall(SSH), port=2222) == [
        "it lets in more than SSH: TCP 22",
        "it lets nobody in over SSH, us neither",
    ]


def test_a_range_lets_ssh_in() -> None:
    assert found(firewall(("tcp", "1-1000"))) == ["it lets in more than SSH: TCP 1-1000"]


def test_every_firewall_over_a_droplet_of_ours_counts_and_no_other() -> None:
    theirs = Firewall("web", ("web",), ("8",), (("tcp", "443"),))
    over_one = Firewall("web", (), ("7", "8"), (("tcp", "443"),))

    assert found(firewall(SSH), theirs) == []
    assert found(firewall(SSH), over_one) == ["it lets in more than SSH: TCP 443"]


def test_droplets_without_a_firewall_over_their_tag_are_open() -> None:
    over_one = Firewall("web", (), ("7",), (SSH,))

    assert found() == ["no firewall covers the droplets by their tag: every port is open"]
    assert found(over_one) == ["no firewall covers the droplets by their tag: every port is open"]
