"""How a machine's system is started, as words."""

from pathlib import Path

from provisioner.sandbox.machines.container import Boot


def test_a_system_boots_in_its_own_network_and_may_have_a_firewall() -> None:
    places = (Path("/s/root"), Path("/run/netns/psab12345-2"), Path("/s/console.log"), Path("/s:1/meminfo"))
    boot = Boot("psab12345-2", *places)
    words = boot.command()
    assert words[0] == "systemd-nspawn"
    assert {"--boot", "--register=no", "--keep-unit", "--capability=CAP_NET_ADMIN"} <= set(words)
    assert "--network-namespace-path=/run/netns/psab12345-2" in words
    assert "--directory=/s/root" in words
    assert "--bind-ro=/s\\:1/meminfo:/run/host/meminfo" in words
