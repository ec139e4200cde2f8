"""Mirrors come from the machine's own apt sources, in both of their formats."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.errors import SandboxError
from provisioner.sandbox.machines.apt_sources import (
    DEFAULT_KEYRING,
    AptSource,
    parse_deb822,
    parse_one_line,
    read,
    render,
)

MODERN = """\
# the base system
Types: deb deb-src
# an older snapshot: http://old.example/debian
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By:
 /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://node.example/node_20.x
Suites: nodistro
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""

CLASSIC = """\
deb http://mirror.example/debian bookworm main non-free-firmware # the base system
deb-src http://mirror.example/debian bookworm main
#deb http://off.example/debian bookworm main
deb [arch=amd64 signed-by=/etc/apt/keyrings/other.gpg] https://other.example/debian bookworm stable
deb [trusted=yes] http://mirror.example/debian-security bookworm-security main
"""


def etc_apt(folder: Path, modern: str = "", classic: str = "") -> Path:
    (folder / "sources.list.d").mkdir()
    (folder / "sources.list").write_text(classic)
    (folder / "sources.list.d/debian.sources").write_text(modern)
    return folder


def test_the_modern_format_is_read(tmp_path: Path) -> None:
    found = read(etc_apt(tmp_path, modern=MODERN), "bookworm")
    assert [(source.uri, source.suite) for source in found] == [
        ("http://mirror.example/debian", "bookworm"),
        ("http://mirror.example/debian", "bookworm-updates"),
        ("http://mirror.example/debian-security", "bookworm-security"),
    ]
    assert {source.signed_by for source in found} == {DEFAULT_KEYRING}


def test_the_one_line_format_is_read(tmp_path: Path) -> None:
    assert read(etc_apt(tmp_path, classic=CLASSIC), "bookworm") == (
        AptSource("http://mirror.example/debian", "bookworm", ("main",)),
        AptSource("http://mirror.example/debian-security", "bookworm-security", ("main",), trusted=True),
    )


def test_the_mirror_of_another_release_serves_ours(tmp_path: Path) -> None:
    newer = CLASSIC.replace("bookworm", "trixie")
    assert {source.suite for source in read(etc_apt(tmp_path, classic=newer), "bookworm")} == {
        "bookworm",
        "bookworm-security",
    }


def test_archives_with_keys_of_their_own_are_left_out(tmp_path: Path) -> None:
    foreign = "deb [signed-by=/etc/apt/keyrings/tool.gpg] https://tool.example bookworm main\n" + CLASSIC
    assert all("tool" not in source.uri for source in read(etc_apt(tmp_path, classic=foreign), "bookworm"))


def test_a_mirror_that_is_named_in_a_file_is_looked_up(tmp_path: Path) -> None:
    mirrors = tmp_path / "mirrors.list"
    mirrors.write_text("# the nearest\nhttp://near.example/debian priority:1\nhttp://far.example/debian\n")
    modern = f"Types: deb\nURIs: mirror+file:{mirrors}\nSuites: bookworm\nComponents: main\n"
    assert read(etc_apt(tmp_path, modern=modern), "bookworm")[0].uri == "http://near.example/debian"


@pytest.mark.parametrize("text", ["", "deb http://mirror.example/ubuntu noble main\n"])
def test_a_machine_without_a_debian_mirror_says_so(tmp_path: Path, text: str) -> None:
    with pytest.raises(SandboxError, match="could not find a Debian mirror") as caught:
        read(etc_apt(tmp_path, classic=text), "bookworm")
    assert caught.value.hint is not None


words = st.text("abcdefghij/.", min_size=1, max_size=12)
sources = st.builds(
    AptSource,
    uri=words.map("http://h/{}".format),
    suite=words,
    components=st.tuples(words),
    signed_by=st.none() | words,
    trusted=st.booleans(),
)


@given(st.lists(sources, max_size=5))
def test_what_is_written_is_what_is_read(wanted: list[AptSource]) -> None:
    assert list(parse_deb822(render(wanted))) == wanted


@given(st.text(max_size=200))
def test_no_text_breaks_the_readers(text: str) -> None:
    for source in (*parse_one_line(text), *parse_deb822(text)):
        assert source.uri
        assert source.suite
