"""A file in `customers/` may hold anything: it stops no command for the others, and is nobody's bug."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke, Result
from tests.customers.examples import documented

OTHER = "other@example.com"
ODD = "customer@example.com"
LOOKS = (("list",), ("list", "--json"), ("status",), ("status", "--json"), ("check",), ("check", "--json"))
RECORD = json.dumps(documented())


def _with(path: str, text: str) -> str:
    """The documented record with this JSON text at a path."""
    data = documented()
    here: Any = data
    *groups, last = path.split(".")
    for group in groups:
        here = here.setdefault(group, {})
    here[last] = "<here>"
    return json.dumps(data).replace('"<here>"', text)


BROKEN: dict[str, tuple[bytes, str]] = {
    "a number of 5,000 digits": (_with("zebra", "9" * 5000).encode(), "has 5000 digits"),
    "such a number for an id": (_with("setup.droplet.id", "9" * 5000).encode(), "has 5000 digits"),
    "a list 500 deep": (_with("zebra", "[" * 500 + "]" * 500).encode(), "nested too deeply"),
    "a list 100,000 deep": (_with("zebra", "[" * 100_000 + "]" * 100_000).encode(), "nested too deeply"),
    "a number that is none": (_with("zebra", "NaN").encode(), "NaN is not JSON"),
    "a number without an end": (_with("zebra", "-Infinity").encode(), "-Infinity is not JSON"),
    "a key twice": (_with("zebra", '1, "zebra": 2').encode(), "stands twice"),
    "bytes of no encoding": (RECORD.encode().replace(b"Customer", b"\xff\xfe"), "not UTF-8"),
    "UTF-16": (RECORD.encode("utf-16"), "UTF-16"),
    "nothing": (b"", "line 1, column 1"),
    "a list": (b"[]", "not a JSON object"),
    "a list for the notes": (_with("notes", "{}").encode(), "notes must be a list"),
    "null for the setup": (_with("setup", "null").encode(), "setup must be a group"),
}


@pytest.fixture
def odd(workspace: Workspace, invoke: Invoke) -> Path:
    """Where the odd record stands, beside a good one."""
    assert invoke("add", OTHER, "sub_1").code == 0
    return workspace.customers_dir / "active" / "customer_at_example.com.json"


def put(path: Path, raw: bytes) -> None:
    path.write_bytes(raw)
    path.chmod(0o600)


def looks(invoke: Invoke) -> Iterator[Result]:
    """Every command that looks at all records, and those that look at the good one."""
    for words in (*LOOKS, ("show", OTHER), ("timeline", OTHER), ("show", ODD), ("show", ODD, "--json")):
        result = invoke(*words)
        assert "this is a bug" not in result.err, (words, result.err)
        if words[0] in ("list", "status"):
            assert OTHER in result.out, words
        if OTHER in words:
            assert result.code == 0, (words, result.err)
        yield result


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_record_stops_nobody_and_check_names_it(invoke: Invoke, odd: Path, what: str) -> None:
    raw, says = BROKEN[what]
    put(odd, raw)
    assert all(result.code in (0, 1) for result in looks(invoke))
    checked = invoke("check")
    assert checked.code == 1
    assert "active/customer_at_example.com.json" in checked.out
    assert says in checked.out
    shown = invoke("show", ODD)
    assert shown.code == 1
    assert says in shown.err


@pytest.mark.parametrize("path", ["signupDate", "setup.waiting.since", "subscription.currentPeriodEnd"])
def test_a_day_that_does_not_exist_is_shown_and_found(invoke: Invoke, odd: Path, path: str) -> None:
    data = documented()
    data["setup"] = {"status": "in_progress", "waiting": {"for": "to tap", "since": "2026-01-01T00:00:00Z"}}
    data["status"] = "in_progress"
    put(odd, json.dumps(data).encode())
    assert invoke("update", ODD, path, "2026-02-29T00:00:00Z").code == 0
    assert all(result.code in (0, 1) for result in looks(invoke))
    assert ODD in invoke("status").out
    checked = invoke("check")
    assert (checked.code, f"{path} is 2026-02-29T00:00:00Z, a day that no calendar has" in checked.out) == (
        1,
        True,
    )


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/nowhere")])
def test_what_is_no_file_stops_nobody(invoke: Invoke, odd: Path, make: Callable[[Path], None]) -> None:
    make(odd)
    assert all(result.code in (0, 1) for result in looks(invoke))
    assert "active/customer_at_example.com.json" in invoke("check").out


def test_a_file_of_any_size_is_not_read(invoke: Invoke, odd: Path) -> None:
    put(odd, b"")
    os.truncate(odd, 1 << 40)
    assert all(result.code in (0, 1) for result in looks(invoke))
    assert "larger than 16 MB" in invoke("check").out


def test_a_value_that_json_cannot_say_is_refused(invoke: Invoke, odd: Path) -> None:
    put(odd, _with("zebra", "1.5").encode())
    for word in ("1e999", "nan", "-inf"):
        refused = invoke("update", ODD, "zebra", word)
        assert refused.code == 2
        assert "a number that JSON can say" in refused.err


_names = st.text(max_size=5) | st.sampled_from(["timestamp", "event", "note"])
# What JSON's grammar allows, or nearly, and Python's writer never says.
_ODD_TEXTS = ("9" * 5000, "-" + "9" * 5000, "9" * 4000, "1e999", "NaN", "[" * 400 + "]" * 400, '1, "a": 2')
_odd = st.integers(0, len(_ODD_TEXTS) - 1).map(lambda number: f"<odd {number}>")
_words = st.sampled_from(["2026-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "active", "complete", "\ud83e"])
_names = st.text(max_size=5) | st.sampled_from(["timestamp", "event", "note"])
_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters()) | _odd | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=8,
)
_paths = st.sampled_from(
    [
        *("id", "email", "name", "signupDate", "status", "subscription", "setup", "notes", "timeline"),
        *("setup.status", "setup.waiting", "setup.waiting.since", "setup.waiting.for", "setup.droplet"),
        *("setup.droplet.id", "setup.messaging", "setup.messaging.botToken", "setup.emails", "zebra"),
        *("notes.0", "notes.0.timestamp", "timeline.0.timestamp", "timeline.1.event", "metadata.x"),
    ]
)


def _text(value: Any) -> bytes:
    """The JSON text of a value, in which the word `<odd 3>` stands for the third odd text."""
    text = json.dumps(value)
    for number, odd in enumerate(_ODD_TEXTS):
        text = text.replace(f'"<odd {number}>"', odd)
    return text.encode()


def _changed(changes: list[tuple[str, Any]]) -> bytes:
    data: Any = documented()
    for path, value in changes:
        here = data
        *groups, last = path.split(".")
        for group in groups:
            here = _inside(here, group)
        if isinstance(here, dict):
            here[last] = value
        elif isinstance(here, list) and last.isdigit() and int(last) < len(here):
            here[int(last)] = value
    return _text(data)


def _inside(here: Any, group: str) -> Any:
    if isinstance(here, dict):
        return here.get(group)
    return here[0] if isinstance(here, list) and here else None


_nearly = st.lists(st.tuples(_paths, _values), min_size=1, max_size=3).map(_changed)
_anything = _values.map(_text) | st.binary(max_size=40)


@settings(
    max_examples=25,
    # An example is ten commands: the first one that fails says enough.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    # Mostly what is nearly a record: the rest is refused at once.
    raw=st.integers(0, 9).flatmap(lambda dice: _anything if dice == 0 else _nearly)
)
def test_no_json_at_all_makes_a_command_a_bug(invoke: Invoke, odd: Path, raw: bytes) -> None:
    put(odd, raw)
    for result in looks(invoke):
        assert result.code in (0, 1, 2)
