"""An image for real: built on a droplet, nothing of anybody's in it, and servers that begin with it."""

import time

import pytest

from provisioner.sandbox.control.client import Sandbox
from tests.e2e.operator import Operator

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1500)]

FRESH = """\
set -e
cat /etc/machine-id
ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2
"""
LEFT_BEHIND = """\
find /var/lib/cloud/instances -mindepth 1 -maxdepth 1 -printf 'instance %f\\n'
find /etc/ssh -name 'ssh_host_*' -printf '%f\\n'
grep -c . /root/.ssh/authorized_keys
hostname
ls -d /var/lib/provisioner /home/openclaw/.openclaw /root/.bash_history /var/lib/apt/lists/*_Packages \
  2> /dev/null || true
"""


def on_fresh_server(operator: Operator, email: str, script: str) -> str:
    """What it prints; the server may be booting, and let nobody in yet."""
    give_up = time.monotonic() + 60
    while (ended := operator.run("ssh", email, "--", script)).code:
        assert time.monotonic() < give_up, ended.err
        time.sleep(0.5)
    return ended.out


def test_an_image_is_built_used_listed_and_pruned(operator: Operator, sandbox: Sandbox) -> None:
    built = operator.run("image", "build", "--json")
    assert built.code == 0, built.err
    image = built.document["id"]
    assert built.document["new"]
    builders = [one for one in sandbox.droplets() if one.name.startswith("provisioner-image-")]
    assert builders == []

    again = operator.done("image", "build", "--json")
    assert (again.document["id"], again.document["new"]) == (image, False)

    email = "ida@example.com"
    operator.sign_up(email, "Ida Rhodes", "ida", "ida_moltbot")
    planned = operator.done("plan", email)
    assert "image provisioner-debian-12-x64-" in planned.out.replace("\n", " ")
    operator.done("provision", email, "--until", "droplet")
    left = on_fresh_server(operator, email, LEFT_BEHIND).splitlines()
    record = operator.record(email)
    droplet = record["setup"]["droplet"]
    host_key = ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"]
    assert sorted(left) == sorted([f"instance {droplet['id']}", *host_key, "1", droplet["name"]])
    assert droplet["image"] == image

    second = "mary@example.com"
    operator.sign_up(second, "Mary Keller", "mary", "mary_moltbot")
    operator.done("provision", second, "--until", "moltbot")
    identities = {operator.done("ssh", one, "--", FRESH).out for one in (email, second)}
    assert len(identities) == 2
    lines = [line for identity in identities for line in identity.split()]
    assert len(set(lines)) == 4

    shelf = operator.done("image", "list", "--json").document
    [listed] = shelf["images"]
    assert (listed["id"], listed["state"], shelf["chosen"]) == (image, "used", image)
    assert listed["gigabytes"] > 1

    settings = operator.workspace / "provisioner.toml"
    settings.write_text(settings.read_text().replace('reboot_at = "11:00"', 'reboot_at = "10:00"'))
    refused = operator.run("image", "prune")
    assert refused.code == 2
    pruned = operator.done("image", "prune", "--yes", "--json").document
    assert [one["id"] for one in pruned["deleted"]] == [image]
    assert operator.done("image", "list", "--json").document["images"] == []
