"""Droplets that are rougher than a clean image: what is put on the disk, and what the system makes of it."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provisioner.errors import SandboxError
from provisioner.sandbox.control.client import running_sandbox
from provisioner.sandbox.faults.rules import SERVER_KINDS, Fault, FaultBook, Rule
from provisioner.sandbox.faults.servers import WAIT, roughen
from provisioner.sandbox.machines import nspawn
from provisioner.sandbox.machines.nspawn import NspawnMachines
from tests.sandbox.conftest import quiet
from tests.sandbox.droplets import Droplet, until

LONG = 3600.0
SHADOW = "daemon:*:20000:0:99999:7:::\nroot:*:20000:0:99999:7:::\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The few files of an image that faults change."""
    for name, text in (
        ("etc/shadow", SHADOW),
        ("etc/resolv.conf", "nameserver 10.0.0.1\n"),
        ("root/.bashrc", "# ours\n"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def files(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", sorted(SERVER_KINDS - {"rough"}))
def test_each_kind_changes_the_disk(root: Path, kind: str) -> None:
    before = files(root)
    roughen(root, [Fault.model_validate({"id": 1, "service": "server", "kind": kind})])
    assert files(root) != before


def test_all_at_once_still_lets_the_operator_in(root: Path) -> None:
    roughen(root, [Fault(id=1, service="server", kind="rough")])
    made = files(root)
    assert made["etc/shadow"] == SHADOW
    assert made["etc/resolv.conf"] == "nameserver 192.0.2.53\n"
    assert made["root/.bashrc"].endswith("# ours\n")
    units = {path.name for path in (root / "etc/systemd/system").glob("sandbox-*")}
    assert units == {"sandbox-package-lock.service", "sandbox-late-dns.service", "sandbox-busy-login.service"}


@pytest.mark.parametrize(
    ("service", "kind"), [("cloud", "rough"), ("server", "status"), ("server", "vanish")]
)
def test_servers_and_services_have_faults_of_their_own(service: str, kind: str) -> None:
    with pytest.raises(ValueError, match="has no fault of the kind"):
        Rule.model_validate({"service": service, "kind": kind})


def test_what_is_no_machine_has_no_fault_of_one() -> None:
    with running_sandbox() as sandbox:
        with pytest.raises(SandboxError, match="no machines are behind"):
            sandbox.fault("server", "rough")
        assert sandbox.faults() == []


@pytest.fixture(scope="module")
def book() -> FaultBook:
    return FaultBook()


@pytest.fixture(scope="module")
def machines(
    base_image: Path, tmp_path_factory: pytest.TempPathFactory, book: FaultBook
) -> Iterator[NspawnMachines]:
    running = nspawn.start(tmp_path_factory.mktemp("state"), f"test-{uuid.uuid4()}", quiet, faults=book)
    yield running
    running.close()


def add(book: FaultBook, kind: str, seconds: float = 0) -> None:
    rule = {"service": "server", "kind": kind, "path": "^droplet-", "params": {"seconds": seconds}}
    book.add(Rule.model_validate(rule))


@pytest.mark.sandbox
def test_what_a_rough_server_is_like(boot: Callable[..., Droplet], book: FaultBook) -> None:
    for kind, seconds in (
        ("package_lock", LONG),
        ("late_dns", LONG),
        ("boot_complaint", 0.1),
        ("foreign_packages", 0),
        ("talking_bashrc", 0),
        ("banner", 0),
    ):
        add(book, kind, seconds)
    rough, clean = boot(), boot()

    assert "Welcome to your droplet" in rough.run("true")
    assert "status: error" in rough.run("cloud-init status --wait", accept=(1,))
    assert "Could not get lock /var/lib/dpkg/lock-frontend" in rough.run(
        "apt-get install --yes jq 2>&1", accept=(100,)
    )
    assert "127.0.0.1:9" in rough.run("apt-get update --print-uris")
    assert rough.run("cat /etc/resolv.conf").endswith("nameserver 192.0.2.53")
    with rough.connect() as client:
        transport = client.get_transport()
        assert transport is not None
        assert b"Authorized users only" in (transport.get_banner() or b"")
    # Each rule struck once.
    assert "status: done" in clean.run("cloud-init status --wait")
    assert clean.run("true") == ""


@pytest.mark.sandbox
def test_locks_and_names_get_better_by_themselves(boot: Callable[..., Droplet], book: FaultBook) -> None:
    add(book, "package_lock", 1)
    add(book, "late_dns", 1)
    droplet = boot()
    until(lambda: "192.0.2.53" not in droplet.run("cat /etc/resolv.conf"))
    until(lambda: "Could not get lock" not in droplet.run("apt-get install -y jq 2>&1", accept=(0, 100)))


@pytest.mark.sandbox
def test_a_login_is_busy_at_first(boot: Callable[..., Droplet], book: FaultBook) -> None:
    add(book, "busy_login", 12)
    droplet = boot()
    assert droplet.run("echo ours") == WAIT
    until(lambda: droplet.run("echo ours", accept=(0, -1)) == "ours")


@pytest.mark.sandbox
def test_an_expired_password_lets_nobody_run_anything(
    boot: Callable[..., Droplet], book: FaultBook, machines: NspawnMachines
) -> None:
    add(book, "expired_password")
    droplet = boot()
    with droplet.connect() as client:
        _stdin, stdout, stderr = client.exec_command("echo ours", timeout=60)
        assert (stdout.read(), stdout.channel.recv_exit_status()) == (b"", 1)
        assert b"password has expired" in stderr.read()
