"""Rules as text, and what they do to a host that drops by policy."""

import subprocess
import sys
from ipaddress import IPv4Network

import pytest

from provisioner.errors import SandboxError
from provisioner.sandbox.machines import firewall

LINK = "psab12345-17"


def test_without_rules_everything_comes_in() -> None:
    assert firewall.inbound("psab12345", LINK, None) == (
        "add chain inet psab12345 to_17\n"
        "flush chain inet psab12345 to_17\n"
        'add element inet psab12345 inbound { "psab12345-17" : jump to_17 }\n'
    )


def test_with_rules_only_they_and_answers_come_in() -> None:
    script = firewall.inbound("psab12345", LINK, ("tcp/22", "udp/8000-9000", "icmp", "tcp/all"))
    assert [line.removeprefix("add rule inet psab12345 to_17 ") for line in script.splitlines()[2:-1]] == [
        "ct state established,related accept",
        "tcp dport 22 accept",
        "udp dport 8000-9000 accept",
        "meta l4proto { icmp, ipv6-icmp } accept",
        "meta l4proto tcp accept",
        "drop",
    ]


def test_an_empty_list_lets_nothing_in() -> None:
    assert firewall.inbound("psab12345", LINK, ()).splitlines()[-2].endswith("to_17 drop")


@pytest.mark.parametrize("rule", ["", "22", "tcp/", "tcp/22; accept", "sctp/1", "tcp/1-2-3", "TCP/22"])
def test_what_is_no_rule_is_refused(rule: str) -> None:
    with pytest.raises(SandboxError, match="is no rule"):
        firewall.inbound("psab12345", LINK, (rule,))


def test_the_way_out_leads_through_the_host() -> None:
    script = firewall.ruleset("psab12345", IPv4Network("10.213.4.0/24"))
    assert "ip saddr 10.213.4.0/24 ip daddr != 10.213.4.0/24 masquerade" in script


_ON_A_STRICT_HOST = """
from ipaddress import IPv4Network
from provisioner.sandbox.machines import firewall, host

firewall.apply('''
table inet guard {
    chain input { type filter hook input priority filter; policy drop; }
    chain forward { type filter hook forward priority filter; policy drop; counter; }
    chain output { type filter hook output priority filter; policy drop; }
}
''')
before = host.run("nft", "list", "ruleset")
firewall.apply(firewall.ruleset("psab12345", IPv4Network("10.213.4.0/24")))
firewall.admit("psab12345")
print(host.run("nft", "list", "table", "inet", "guard").count('comment "psab12345"'))
firewall.remove("psab12345")
firewall.remove("psab12345")
print(host.run("nft", "list", "ruleset") == before)
"""


@pytest.mark.sandbox
def test_a_host_that_drops_lets_the_sandbox_through_and_is_put_back() -> None:
    argv = ["unshare", "--net", sys.executable, "-c", _ON_A_STRICT_HOST]
    finished = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert finished.stdout.split() == ["3", "True"], finished.stderr
