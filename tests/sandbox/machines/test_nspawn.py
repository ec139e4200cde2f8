"""Droplets as real systems, from the first connection to the last trace."""

import functools
import json
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from provisioner.errors import SandboxError
from provisioner.sandbox.machines import cgroup, image, node_archive, nspawn
from provisioner.sandbox.machines.cache import DEFAULT_CACHE
from provisioner.sandbox.machines.disk import Disk
from provisioner.sandbox.machines.nspawn import NspawnMachines
from tests.sandbox.conftest import quiet
from tests.sandbox.droplets import MEMORY, Droplet, Keys, traces, until

pytestmark = pytest.mark.sandbox
Boot = Callable[..., Droplet]
NODE = "24.19.0"
STARTED = "cut -d' ' -f22 /proc/1/stat"
"""Prints when this boot's init was started, in ticks of the host's clock."""


def test_the_first_connection_meets_the_key_of_the_request(boot: Boot) -> None:
    droplet = boot()
    assert droplet.run("hostname") == droplet.spec.name
    assert droplet.run("ls /etc/ssh | grep ^ssh_host") == "ssh_host_ed25519_key\nssh_host_ed25519_key.pub"


def test_cloud_init_ends_without_complaint_and_the_system_is_whole(boot: Boot) -> None:
    droplet = boot()
    assert "status: done" in droplet.run("cloud-init status --wait")
    assert droplet.run("systemctl is-system-running --wait") == "running"


def test_user_data_are_read_verbatim(machines: NspawnMachines, keys: Keys) -> None:
    droplet = Droplet.planned(machines, keys, image.DEBIAN)
    told = json.loads(keys.user_data.partition("\n")[2]) | {
        "runcmd": [["sh", "-c", "echo 'ünï $HOME' > /root/said"]]
    }
    body = "#cloud-config\n" + json.dumps(told, ensure_ascii=False, indent=1)
    machines.create(replace(droplet.spec, user_data=body))
    try:
        droplet.run("cloud-init status --wait")
        assert droplet.run("cat /root/said") == "ünï $HOME"
        assert droplet.run("cat /var/lib/cloud/instance/user-data.txt") == body
    finally:
        machines.destroy(droplet.spec.id)


def test_machines_reach_each_other_the_host_and_the_registry(boot: Boot, machines: NspawnMachines) -> None:
    one, other = boot(), boot()
    other.run("true")
    assert (
        one.run(f"ping -c 1 -W 5 {other.spec.address} >&2 && ping -c 1 -W 5 {machines.gateway} >&2; echo $?")
        == "0"
    )
    one.run("apt-get --quiet update && apt-get --quiet install --yes jq", within=120)
    assert one.run("echo '[1]' | jq --compact-output .") == "[1]"


def test_what_may_come_in_is_kept_out_of_every_direction(boot: Boot, machines: NspawnMachines) -> None:
    guarded, neighbour = boot(), boot()
    with guarded.connect() as established:
        machines.set_inbound(guarded.spec.id, ("icmp", "udp/8000-9000"))
        assert not guarded.answers()
        knock = f"timeout 1 bash -c 'exec 3<>/dev/tcp/{guarded.spec.address}/22'; echo $?"
        assert neighbour.run(knock) == "124"
        assert neighbour.run(f"ping -c 1 -W 5 {guarded.spec.address} > /dev/null; echo $?") == "0"
        _stdin, stdout, _stderr = established.exec_command("echo still here")
        assert stdout.read() == b"still here\n"
    machines.set_inbound(guarded.spec.id, ("tcp/22",))
    assert guarded.answers()
    assert neighbour.run(f"ping -c 1 -W 1 {guarded.spec.address} > /dev/null; echo $?") == "1"
    machines.set_inbound(guarded.spec.id, None)
    assert neighbour.run(f"ping -c 1 -W 5 {guarded.spec.address} > /dev/null; echo $?") == "0"


def test_a_machine_has_a_firewall_and_user_services_of_its_own(boot: Boot) -> None:
    droplet = boot()
    droplet.run("useradd --create-home bob && loginctl enable-linger bob")
    as_bob = "--user --machine=bob@"
    unit = "'[Service]\\nExecStart=/bin/sleep 900\\n[Install]\\nWantedBy=default.target\\n'"
    folder = "/home/bob/.config/systemd/user"
    droplet.run(f'runuser -u bob -- sh -c "mkdir -p {folder} && printf {unit} > {folder}/nap.service"')
    droplet.run(f"systemctl {as_bob} daemon-reload && systemctl {as_bob} enable --now nap.service")
    droplet.run("apt-get --quiet update && apt-get --quiet install --yes nftables", within=120)
    droplet.run("nft add table inet own && nft list table inet own")
    assert droplet.run(f"systemctl {as_bob} is-active nap.service") == "active"
    assert droplet.run("systemd-run --quiet --wait --pipe --unit=once echo ran") == "ran"


def test_a_restart_keeps_the_disk(boot: Boot, machines: NspawnMachines) -> None:
    droplet = boot()
    before = droplet.run(f"touch /root/kept; {STARTED}")
    machines.reboot(droplet.spec.id)
    assert droplet.run(STARTED) != before
    assert droplet.run("ls /root/kept") == "/root/kept"


def test_a_restart_from_inside_boots_again(boot: Boot, machines: NspawnMachines) -> None:
    droplet = boot()
    before = droplet.run(f"touch /root/kept; {STARTED}")
    droplet.run("systemctl reboot --no-block", accept=(0, -1))
    until(lambda: droplet.run(STARTED, accept=(0, -1)) not in (before, ""))
    assert machines.running(droplet.spec.id)
    assert droplet.run("ls /root/kept") == "/root/kept"


def test_power_actions_act_on_the_machine(boot: Boot, machines: NspawnMachines) -> None:
    droplet = boot()
    number = droplet.spec.id
    droplet.run("touch /root/kept")
    for switch_off in (machines.power_off, machines.shutdown):
        switch_off(number)
        assert not machines.running(number)
        assert not droplet.answers()
        machines.power_on(number)
        assert droplet.run("ls /root/kept") == "/root/kept"


def test_a_halt_from_inside_is_noticed(boot: Boot, machines: NspawnMachines) -> None:
    droplet = boot()
    droplet.run("systemctl poweroff --no-block", accept=(0, -1))
    until(lambda: not machines.running(droplet.spec.id))
    assert machines.halted(droplet.spec.id)
    machines.power_on(droplet.spec.id)
    assert droplet.run("echo back") == "back"
    assert not machines.halted(droplet.spec.id)


def test_what_takes_more_memory_than_the_size_has_is_killed(boot: Boot, machines: NspawnMachines) -> None:
    if not cgroup.limits_memory():
        pytest.skip("this host cannot limit the memory of a group")
    droplet = boot()
    booted = droplet.run(STARTED)
    assert droplet.run("free --mebi | awk '/Mem/ {print $2}'") == str(MEMORY)
    droplet.run(_ALLOCATE.format(mebibytes=MEMORY // 2))
    before = machines.memory(droplet.spec.id)
    assert before is not None
    assert (before.limit, before.killed) == (MEMORY << 20, 0)
    assert before.peak is not None
    assert MEMORY << 19 < before.peak < MEMORY << 20
    assert 0 < before.held < before.peak

    droplet.run(_ALLOCATE.format(mebibytes=MEMORY + 64), accept=(128 + signal.SIGKILL,))

    after = machines.memory(droplet.spec.id)
    assert after is not None
    assert after.killed == 1
    assert droplet.run(STARTED) == booted
    machines.power_off(droplet.spec.id)
    assert machines.memory(droplet.spec.id) is None


def test_a_resized_machine_has_the_memory_of_its_size(boot: Boot, machines: NspawnMachines) -> None:
    if not cgroup.limits_memory():
        pytest.skip("this host cannot limit the memory of a group")
    droplet = boot()
    machines.shutdown(droplet.spec.id)
    machines.resize(droplet.spec.id, 4096)
    machines.power_on(droplet.spec.id)
    use = machines.memory(droplet.spec.id)
    assert use is not None
    assert use.limit == 4096 << 20
    assert droplet.run("free --mebi | awk '/Mem/ {print $2}'") == "4096"


def test_a_host_that_cannot_limit_memory_says_so_and_boots(
    base_image: Path, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroup, "_MEMORY", "no such controller")
    said: list[str] = []
    machines = nspawn.start(tmp_path, f"test-{uuid.uuid4()}", said.append)
    try:
        droplet = Droplet.planned(machines, keys, image.DEBIAN)
        machines.create(droplet.spec)
        assert droplet.run("free --mebi | awk '/Mem/ {print $2}'") == str(MEMORY)
        assert machines.memory(droplet.spec.id) is None
    finally:
        machines.close()
    assert [line for line in said if "cannot limit the memory" in line]


_ALLOCATE = "python3 -c 'bytearray({mebibytes} << 20)'; exit $?"
"""What it allocates is written to as well: it is filled with zeros."""


def test_a_snapshot_boots_as_somebody_else_and_on_a_rebuilt_machine(
    boot: Boot, machines: NspawnMachines
) -> None:
    first = boot()
    first.run("cloud-init status --wait && echo one > /root/layer && rm /usr/bin/xz && sync")
    machines.snapshot(first.spec.id, "1001")
    second = boot(image="1001")
    assert second.run("hostname; cat /root/layer; ls /usr/bin/xz 2>&1 | cut -d: -f1") == (
        f"{second.spec.name}\none\nls"
    )
    second.run("cloud-init status --wait && echo two > /root/layer")
    machines.snapshot(second.spec.id, "1002")
    assert boot(image="1002").run("cat /root/layer") == "two"
    assert first.run("cat /root/layer") == "one"
    machines.rebuild(first.spec.id, "1002")
    assert first.run("hostname; cat /root/layer") == f"{first.spec.name}\ntwo"


def test_node_from_the_archive_runs(boot: Boot, machines: NspawnMachines) -> None:
    folder = node_archive.ensure(DEFAULT_CACHE, NODE, quiet)
    droplet = boot()
    with _serving(folder.parent, machines.gateway) as address:
        name = node_archive.release_name(NODE, "x86_64")
        fetch = " && ".join(
            f"curl -fsSO {address}/v{NODE}/{file}" for file in (f"{name}.tar.gz", "SHASUMS256.txt")
        )
        droplet.run(f"{fetch} && sha256sum --check --ignore-missing SHASUMS256.txt")
    droplet.run(f"tar -xzf {name}.tar.gz -C /usr/local --strip-components=1")
    assert droplet.run("node --version") == f"v{NODE}"
    assert int(droplet.run("npm --version").split(".")[0]) >= 11


def test_destroy_leaves_nothing_and_frees_the_address(machines: NspawnMachines, keys: Keys) -> None:
    droplet = Droplet.planned(machines, keys, image.DEBIAN)
    machines.create(droplet.spec)
    machines.destroy(droplet.spec.id)
    machines.destroy(droplet.spec.id)
    names = machines.names
    assert not [
        trace
        for trace in traces(machines.state, names.sandbox_id)
        if names.machine(droplet.spec.address) in trace
    ]
    assert machines.reserve_address() == droplet.spec.address
    machines.release_address(droplet.spec.address)


def test_an_unknown_image_is_refused_in_words(machines: NspawnMachines, keys: Keys) -> None:
    droplet = Droplet.planned(machines, keys, "ubuntu-24-04-x64")
    with pytest.raises(SandboxError, match="cannot boot this image"):
        machines.create(droplet.spec)
    machines.release_address(droplet.spec.address)


def test_what_a_killed_owner_left_is_swept(base_image: Path, tmp_path: Path) -> None:
    sandbox_id = f"test-{uuid.uuid4()}"
    program = _OWNER.format(state=str(tmp_path), sandbox_id=sandbox_id)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "up\n"
        assert len(traces(tmp_path, sandbox_id)) > 5
        owner.kill()
    nspawn.sweep(tmp_path, sandbox_id)
    assert traces(tmp_path, sandbox_id) == []
    nspawn.sweep(tmp_path, sandbox_id)


def test_the_next_sandbox_of_the_host_sweeps_what_killed_ones_left(
    base_image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether or not their folders are there yet; those of the living are left alone."""
    homes = {name: tmp_path / name for name in ("dead", "gone", "alive", "next")}
    ids = {name: f"test-{uuid.uuid4()}" for name in homes}
    owners = {}
    for name in ("dead", "gone", "alive"):
        program = _OWNER.format(state=str(homes[name]), sandbox_id=ids[name])
        owners[name] = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        for owner in owners.values():
            assert owner.stdout is not None
            assert owner.stdout.readline() == "up\n"
        for name in ("dead", "gone"):
            owners[name].kill()
            owners[name].wait()
        homes["gone"].rename(tmp_path / "elsewhere")

        nspawn.start(homes["next"], ids["next"], quiet).close()

        assert traces(homes["dead"], ids["dead"]) == []
        assert [one for one in traces(homes["gone"], ids["gone"]) if "elsewhere" not in one] == []
        alive = homes["alive"]
        assert len(traces(alive, ids["alive"])) > 5
        monkeypatch.setattr(nspawn, "_PATIENCE", 0.1)
        for refused in (
            lambda: nspawn.sweep(alive, ids["alive"]),
            lambda: nspawn.start(alive, "other", quiet),
        ):
            with pytest.raises(SandboxError, match="another process has its machines"):
                refused()
    finally:
        for name, owner in owners.items():
            owner.kill()
            owner.communicate()
            nspawn.sweep(homes[name], ids[name])
        nspawn.sweep(tmp_path, ids["gone"])


_OWNER = """
import time
from pathlib import Path
from provisioner.sandbox.machines import nspawn
from provisioner.sandbox.machines.interface import MachineSpec

machines = nspawn.start(Path("{state}"), "{sandbox_id}", lambda line: None)
for number in (1, 2):
    address = machines.reserve_address()
    machines.create(MachineSpec(number, f"orphan-{{number}}", address, "", (), "debian-12-x64", 2048))
machines.set_inbound(1, ("tcp/22",))
print("up", flush=True)
time.sleep(600)
"""


@contextmanager
def _serving(folder: Path, address: str) -> Iterator[str]:
    with ThreadingHTTPServer((address, 0), functools.partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{address}:{server.server_port}"
        server.shutdown()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_words: Any) -> None:
        """Requests are no news."""


def test_a_folder_that_cannot_carry_disks_is_refused_at_the_start(base_image: Path, tmp_path: Path) -> None:
    """Overlays cannot be laid on overlays: inside many containers every folder is one."""
    ground = Disk(tmp_path / "ground", (base_image,))
    ground.mount()
    try:
        with pytest.raises(SandboxError) as refusal:
            nspawn.start(ground.root / "var/lib/state", f"test-{uuid.uuid4()}", quiet)
    finally:
        ground.unmount()

    assert "ordinary disk" in (refusal.value.hint or "")
    assert not (ground.root / "var/lib/state/trial").exists()
