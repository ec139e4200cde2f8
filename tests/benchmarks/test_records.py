"""Commands beside Node on the same files, beside a bare Typer program, and with few customers beside many."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.customers.record import Record
from provisioner.workspace import Workspace, init_workspace
from tests.customers.examples import documented, write_old

MANY, FEW, ROUNDS = 10_000, 10, 7
START, NODE_ALL, NODE_CHECKED = 1.3, 1.0, 6.0
"""At most: a small list beside bare Typer; and beside Node what shows all records, and what checks them."""
EMAIL = "customer5@example.com"

NODE = """
const fs = require('fs'), path = require('path'), folder = process.argv[1];
const rows = fs.readdirSync(folder).filter(name => name.endsWith('.json'))
  .map(name => JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8')));
console.log(rows.map(row => `${row.email} ${row.status}`).join('\\n'));
"""


def fill(folder: Path, count: int) -> Workspace:
    """A workspace with so many customers of 3 KB each."""
    workspace, _ = init_workspace(folder)
    template = Record(documented())
    # Nobody outside is asked about a bot whose token is not known.
    template.update(
        {"setup.messaging.botToken": None, "subscription.currentPeriodEnd": "2026-02-28T05:54:00Z"}
    )
    for number in range(12):
        template.add_event("field_updated", f"setup.droplet.id = 12345678{number} (was null)")
    for number in range(count):
        data = {**template.data, "id": f"cust_{number}", "email": f"customer{number}@example.com"}
        write_old(workspace.customers_dir / "active", data).chmod(0o600)
    return workspace


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(tmp_path_factory.mktemp("many"), MANY)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(tmp_path_factory.mktemp("few"), FEW)


def milliseconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def medians(*calls: Callable[[], object]) -> list[float]:
    """Of each call's times, taken in turns so that a busy moment hits all of them."""
    times = [[milliseconds(call) for call in calls] for _ in range(ROUNDS + 1)][1:]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def command(workspace: Workspace, *words: str, code: int = 0) -> Callable[[], str]:
    program = [str(Path(sys.executable).with_name("provisioner")), "--workspace", str(workspace.root), *words]

    def run() -> str:
        done = subprocess.run(program, check=False, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        return done.stdout

    return run


def tell(capsys: pytest.CaptureFixture[str], line: str) -> None:
    with capsys.disabled():
        print(f"\n  {line}", end="")


@pytest.fixture(scope="module")
def node(many: Workspace) -> Callable[[], str]:
    """Reads and parses every record, and prints two fields of each."""
    program = shutil.which("node")
    assert program, "this benchmark compares with Node: install nodejs"
    words = [program, "-e", NODE, str(many.customers_dir / "active")]
    return lambda: subprocess.run(words, check=True, capture_output=True, text=True).stdout


def test_what_shows_everybody_beside_node(
    many: Workspace, node: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    size = sum(path.stat().st_size for path in (many.customers_dir / "active").iterdir()) / MANY
    assert len(node().splitlines()) == MANY
    assert len(command(many, "list")().splitlines()) == MANY + 1
    commands = [("list",), ("list", "--json"), ("status",)]
    theirs, *ours = medians(node, *(command(many, *words) for words in commands))
    tell(
        capsys,
        f"{MANY} customers of {size:.0f} bytes: Node reads and parses {theirs:.0f} ms (whole processes)",
    )
    for words, taken in zip(commands, ours, strict=True):
        ratio = taken / theirs
        tell(capsys, f"{' '.join(words):<12} {taken:6.0f} ms = {ratio:.2f} x Node (at most {NODE_ALL})")
        assert ratio <= NODE_ALL


def test_doctor_without_the_cloud_beside_node(
    many: Workspace, node: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It reads every record whole and checks all that can be wrong with one."""
    doctor = command(many, "doctor", "--json", code=1)
    assert json.loads(doctor())["looked"] == ["settings", "records"]
    theirs, ours = medians(node, doctor)
    tell(capsys, f"doctor       {ours:6.0f} ms = {ours / theirs:.2f} x Node (at most {NODE_CHECKED})")
    assert ours / theirs <= NODE_CHECKED


@pytest.mark.parametrize(
    "words",
    [("show", EMAIL), ("note", EMAIL, "x"), ("update", EMAIL, "name", "y"), ("show", EMAIL.upper())],
    ids=["show", "note", "update", "show in capitals"],
)
def test_one_customer_among_few_and_many(
    few: Workspace, many: Workspace, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    among_few, among_many = medians(command(few, *words), command(many, *words))
    what, ratio = " ".join(words), among_many / among_few
    tell(capsys, f"{what:<36} {among_few:4.0f} ms among {FEW}, {among_many:4.0f} among {MANY}: {ratio:.2f} x")


def test_start_beside_a_bare_typer_program(
    few: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tmp_path / "bare.py"
    bare.write_text(
        "import typer\napp = typer.Typer(rich_markup_mode=None)\n"
        "@app.command()\ndef a(x: str): pass\n@app.command()\ndef b(x: str): pass\napp()\n"
    )

    def run_bare(*words: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, str(bare), *words], check=True, capture_output=True)

    helped, ran, ours_helped, ours = medians(
        run_bare("--help"), run_bare("a", "x"), command(few, "--help"), command(few, "list")
    )
    for what, floor, taken in (("--help", helped, ours_helped), ("a command", ran, ours)):
        tell(capsys, f"{what}: bare Typer {floor:.0f} ms, provisioner {taken:.0f} ms: {taken / floor:.2f} x")
    assert ours / ran <= START


def test_one_durable_edit(few: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    store = few.store()

    def edit() -> None:
        with store.edit(EMAIL) as record:
            record.set("setup.droplet.id", str(time.perf_counter_ns()))

    path = few.customers_dir / "active" / "customer5_at_example.com.json"

    def plain() -> None:
        data = json.loads(path.read_bytes())
        temporary = path.with_suffix(".plain")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(data, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    floor, ours = medians(*(lambda call=call: [call() for _ in range(20)] for call in (plain, edit)))
    tell(
        capsys,
        f"an edit: bare read, write, syncs {floor / 20:.2f} ms; the store's {ours / 20:.2f} ms\n",
    )
