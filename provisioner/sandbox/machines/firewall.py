"""The sandbox's packet rules: the way out for its machines, and what may come in towards each of them.

Everything is in one nftables table of the sandbox's own, so taking that away undoes all of it. Only where the
host's own chains drop by policy do they get a marked rule each: no other table can overrule them.
"""

import json
import re
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any, Final

from provisioner.errors import SandboxError
from provisioner.sandbox.machines import host

_RULE: Final = re.compile(r"(?P<protocol>tcp|udp|icmp)(?:/(?P<ports>all|\d+(?:-\d+)?))?")
_ANY_PORT: Final = (None, "all", "0")
_GUARDED_HOOKS: Final = ("input", "forward")


def ruleset(stem: str, subnet: IPv4Network) -> str:
    """The script that makes the table afresh, with no machine in it."""
    return f"""\
add table inet {stem}
delete table inet {stem}
table inet {stem} {{
    map inbound {{ type ifname : verdict; }}
    chain forward {{ type filter hook forward priority filter; policy accept; oifname vmap @inbound; }}
    chain output {{ type filter hook output priority filter; policy accept; oifname vmap @inbound; }}
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {subnet} ip daddr != {subnet} masquerade
    }}
}}
"""


def inbound(stem: str, link: str, rules: tuple[str, ...] | None) -> str:
    """The script that lets in towards `link` what `rules` name (None: everything), and nothing else."""
    chain = _chain(link)
    lines = [f"add chain inet {stem} {chain}", f"flush chain inet {stem} {chain}"]
    if rules is not None:
        verdicts = ["ct state established,related accept", *map(_accepting, rules), "drop"]
        lines += [f"add rule inet {stem} {chain} {verdict}" for verdict in verdicts]
    lines.append(f'add element inet {stem} inbound {{ "{link}" : jump {chain} }}')
    return "\n".join(lines) + "\n"


def forget(stem: str, link: str) -> str:
    """The script that takes one machine out of the table."""
    chain = _chain(link)
    return f'delete element inet {stem} inbound {{ "{link}" }}\ndelete chain inet {stem} {chain}\n'


def apply(script: str) -> None:
    """Run a script as one transaction: all of it holds afterwards, or nothing."""
    host.run("nft", "-f", "-", text=script)


def admit(stem: str) -> None:
    """Let the sandbox's links through chains of the host that drop by policy."""
    for family, table, chain, hook in _dropping_chains():
        directions = ("iifname", "oifname") if hook == "forward" else ("iifname",)
        for direction in directions:
            match = f'{direction} "{stem}*" accept comment "{stem}"'
            apply(f"insert rule {family} {table} {chain} {match}\n")


def remove(stem: str) -> None:
    """Take the table and every marked rule away; nothing happens where there is none."""
    for family, table, chain, handle in _marked_rules(stem):
        host.run("nft", "delete", "rule", family, table, chain, "handle", str(handle))
    apply(f"add table inet {stem}\ndelete table inet {stem}\n")


def _chain(link: str) -> str:
    return "to_" + link.rsplit("-", 1)[1]


def _accepting(rule: str) -> str:
    match = _RULE.fullmatch(rule)
    if match is None:
        raise SandboxError(
            "set a firewall", cause=f"{rule!r} is no rule", hint='write it like "tcp/22" or "icmp"'
        )
    if match["protocol"] == "icmp":
        return "meta l4proto { icmp, ipv6-icmp } accept"
    if match["ports"] in _ANY_PORT:
        return f"meta l4proto {match['protocol']} accept"
    return f"{match['protocol']} dport {match['ports']} accept"


def _objects() -> list[dict[str, Any]]:
    listed = json.loads(host.run("nft", "--json", "--handle", "list", "ruleset"))
    return list(listed["nftables"])


def _dropping_chains() -> Iterator[tuple[str, str, str, str]]:
    for chain in (entry["chain"] for entry in _objects() if "chain" in entry):
        guarded = chain.get("hook") in _GUARDED_HOOKS and chain["family"] in ("ip", "inet")
        if guarded and chain.get("policy") == "drop":
            yield chain["family"], chain["table"], chain["name"], chain["hook"]


def _marked_rules(stem: str) -> Iterator[tuple[str, str, str, int]]:
    for rule in (entry["rule"] for entry in _objects() if "rule" in entry):
        if rule.get("comment") == stem:
            yield rule["family"], rule["table"], rule["chain"], rule["handle"]
