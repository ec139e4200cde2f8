"""The filter that keeps what a task prints: whole, without secrets, up to a limit, as valid JSON."""

import json
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.playbook.script import server_text


class Kept:
    """What is left of some output."""

    def __init__(
        self, folder: Path, *chunks: bytes, secrets: tuple[str, ...] = (), limit: int = 1000
    ) -> None:
        pairs = "".join(f"NAME\0{value}\0" for value in secrets)
        (folder / "secrets").write_bytes(pairs.encode())
        log, result = folder / "log", folder / "result"
        arguments = ["7", str(log), str(result), str(folder / "secrets"), str(limit), "400"]
        with subprocess.Popen(
            ["perl", "-e", server_text("filter.pl"), "--", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdin
            assert process.stdout
            for chunk in chunks:
                process.stdin.write(chunk)
                process.stdin.flush()
                time.sleep(0.05 if len(chunks) > 1 else 0)
            process.stdin.close()
            self.bell = process.stdout.read()
        self.log = log.read_bytes()
        self.tail, self.last = map(json.loads, result.read_text("utf-8").split("\n")[:2])
        log.unlink()


def test_the_tail_and_the_last_line(tmp_path: Path) -> None:
    kept = Kept(tmp_path, b"one\ntwo \n\n")
    assert (kept.log, kept.tail, kept.last) == (b"one\ntwo \n\n", "one\ntwo \n\n", "two")
    assert kept.bell == b"7 filtered\n"


def test_nothing(tmp_path: Path) -> None:
    kept = Kept(tmp_path, b"")
    assert (kept.log, kept.tail, kept.last) == (b"", "", "")


@given(data=st.binary(max_size=300))
def test_whatever_bytes_come_the_json_is_valid(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    kept = Kept(tmp_path_factory.mktemp("kept"), data)
    assert kept.log == data
    if data.isascii():
        assert kept.tail == data.decode("ascii")


@given(text=st.text(max_size=60))
def test_text_stays_as_it_is(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    assert Kept(tmp_path_factory.mktemp("kept"), text.encode()).tail == text


def test_a_character_that_the_cut_has_halved_is_left_out(tmp_path: Path) -> None:
    assert Kept(tmp_path, "é".encode() * 200 + b"x").tail == "é" * 199 + "x"


def test_a_secret_is_cut_out_wherever_it_falls(tmp_path: Path) -> None:
    kept = Kept(tmp_path, b"a open-", b"sesame b\nopen-sesame", secrets=("open-sesame",))
    assert kept.log == b"a [hidden] b\n[hidden]"
    assert kept.tail == "a [hidden] b\n[hidden]"
    assert kept.last == "[hidden]"


def test_the_lines_of_a_secret_are_secrets_too(tmp_path: Path) -> None:
    kept = Kept(tmp_path, b"x second-line y short z", secrets=("first-line\nsecond-line\nshort",))
    assert kept.log == b"x [hidden] y short z"


def test_more_than_the_limit_is_read_and_forgotten(tmp_path: Path) -> None:
    kept = Kept(tmp_path, b"a" * 5_000_000 + b"\nthe end\n", limit=1000)
    assert kept.log == b"a" * 1000 + b"\n[the output goes on; only this much is kept]\n"
    assert kept.last == "the end"
