"""The wheel, with what it says it needs, served by the unit of docs/serve.md under a real systemd."""

import hashlib
import hmac
import io
import json
import re
import shlex
import subprocess
import sys
import tarfile
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.machine import Machine, until
from tests.payments.stripe_events import Person

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
SECRET = "whsec_" + "7b" * 12
RECORD = "/srv/provisioner/customers/active/ada_at_example.com.json"
INSTALL = """\
useradd --system --home-dir /srv/provisioner --create-home --shell /usr/sbin/nologin provisioner
python3 -m venv --without-pip /opt/provisioner
tar --extract --gzip --no-same-owner --directory /opt/provisioner/lib/python3*/site-packages
cd /opt/provisioner
install lib/python3*/site-packages/bin/provisioner bin/
sed --in-place '1s|.*|#!/opt/provisioner/bin/python|' bin/provisioner
sudo -u provisioner bin/provisioner init /srv/provisioner --contact ops@example.com
"""


class Served:
    """The service on its machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def shell(self, command: str, text: str = "") -> str:
        with self._machine.connect() as connection:
            result = connection.run(command, timeout=120, input=text.encode())
        assert result.exit == 0, f"{command}: {result}"
        return result.out.strip()

    def install(self, packages: bytes) -> None:
        with self._machine.connect() as connection:
            result = connection.run(f"set -e\n{INSTALL}", timeout=120, input=packages)
        assert result.exit == 0, result
        settings = "umask 077 && cat > /srv/provisioner/.env && chown provisioner /srv/provisioner/.env"
        self.shell(settings, f"STRIPE_WEBHOOK_SECRET={SECRET}\n")
        self.shell("cat > /etc/systemd/system/provisioner.service", documented_unit())

    def answers(self) -> bool:
        """Whether it is there, and well."""
        ask = "curl --silent --fail http://127.0.0.1:8080"
        return "ready" in self.shell(f"{ask}/healthz && {ask}/readyz || true")

    def send(self, event: dict[str, Any]) -> str:
        body, moment = json.dumps(event), int(time.time())
        signed = hmac.new(SECRET.encode(), f"{moment}.{body}".encode(), hashlib.sha256).hexdigest()
        header = shlex.quote(f"Stripe-Signature: t={moment},v1={signed}")
        url = "http://127.0.0.1:8080/webhooks/stripe"
        return self.shell(f"curl --silent --data-binary @- --header {header} {url}", body)

    def property(self, name: str) -> str:
        return self.shell(f"systemctl show provisioner --property {name} --value")

    def said(self) -> list[str]:
        return self.shell("journalctl --unit provisioner --output cat").splitlines()


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The wheel and all that pip fetches for it, as an archive."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([*pip, *build], check=True)
    (wheel,) = folder.glob("provisioner-*.whl")
    subprocess.run([*pip, "install", "--target", str(folder / "packages"), str(wheel)], check=True)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as tar:
        tar.add(folder / "packages", arcname=".")
    return archive.getvalue()


def documented_unit() -> str:
    """As it stands in the documentation."""
    text = (ROOT / "docs" / "serve.md").read_text("utf-8")
    found = re.search(r"(?ms)^    \[Unit\]$.*?^    WantedBy=\S+$", text)
    assert found is not None
    return textwrap.dedent(found[0]) + "\n"


def test_the_wheel_serves_under_its_unit_and_comes_back(fresh_machine: Machine, packages: bytes) -> None:
    served = Served(fresh_machine)
    served.install(packages)
    assert served.shell("systemd-analyze verify /etc/systemd/system/provisioner.service 2>&1") == ""

    served.shell("systemctl enable --now provisioner")
    until(served.answers)
    _check_it_is_shut_in(served)
    *_, paid = Person("ada", "ada@example.com", telegram="@ada").subscribe()
    assert json.loads(served.send(paid)) == {"received": True}
    until(lambda: served.shell(f"test ! -e {RECORD} || echo there") == "there")
    assert served.shell(f"stat --format '%a %U' {RECORD}") == "600 provisioner"
    record = json.loads(served.shell(f"cat {RECORD}"))
    assert [event["event"] for event in record["timeline"]].count("checkout_paid") == 1

    served.shell("systemctl restart provisioner")
    until(served.answers)
    assert [line for line in served.said() if line in ("stopping", "stopped")] == ["stopping", "stopped"]
    assert (served.property("Result"), served.property("NRestarts")) == ("success", "0")

    served.shell("systemctl kill --signal KILL provisioner")
    until(lambda: served.property("NRestarts") == "1")
    until(served.answers)
    assert json.loads(served.send(paid)) == {"received": True}
    record = json.loads(served.shell(f"cat {RECORD}"))
    assert [event["event"] for event in record["timeline"]].count("checkout_paid") == 1


def _check_it_is_shut_in(served: Served) -> None:
    """What the unit forbids is forbidden: a machine in a container may be unable to."""
    process = served.property("MainPID")
    status = dict(line.split(":", 1) for line in served.shell(f"cat /proc/{process}/status").splitlines())
    facts = {name: status[name].strip() for name in ("NoNewPrivs", "Seccomp", "CapBnd")}
    assert facts == {"NoNewPrivs": "1", "Seccomp": "2", "CapBnd": "0" * 16}
    inside = f"nsenter --target {process} --mount"
    for path in ("/usr/x", "/etc/x", "/home/x", "/sys/x"):
        assert "Read-only" in served.shell(f"{inside} touch {path} 2>&1 || true"), path
    served.shell(f"{inside} touch /srv/provisioner/x && rm /srv/provisioner/x")
    assert served.shell(f"{inside} ls -A /tmp") == ""
