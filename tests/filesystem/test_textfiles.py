"""The reader of files that are edited by hand, and each place that reads one."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.errors import InputError, PlaybookError, SettingsError
from provisioner.filesystem import textfiles
from provisioner.filesystem.textfiles import read_text
from provisioner.playbook.load import parse_playbook
from provisioner.settings import load_settings
from provisioner.templates import render_text

BOM = b"\xef\xbb\xbf"
PLAYBOOK = """\
description: One.
tasks:
  - name: Write
    template: one.j2
    dest: /etc/one
"""


def _settings(folder: Path, raw: bytes) -> object:
    (folder / "provisioner.toml").write_bytes(raw)
    return load_settings(folder, {}).droplet.region


def _dotenv(folder: Path, raw: bytes) -> object:
    (folder / ".env").write_bytes(raw)
    token = load_settings(folder, {}).digitalocean_token
    return token and token.get_secret_value()


def _text(folder: Path, raw: bytes) -> object:
    (folder / "ready.mail.j2").write_bytes(raw)
    return render_text("ready.mail", {}, folder)


def _playbook(folder: Path, raw: bytes) -> object:
    (folder / "playbook.yml").write_bytes(raw)
    (folder / "one.j2").write_text("one\n")
    return parse_playbook("one", folder / "playbook.yml").description


def _template(folder: Path, raw: bytes) -> object:
    (folder / "playbook.yml").write_text(PLAYBOOK)
    (folder / "one.j2").write_bytes(raw)
    return parse_playbook("one", folder / "playbook.yml").description


READERS: dict[str, tuple[Callable[[Path, bytes], object], str, object]] = {
    "provisioner.toml": (_settings, '# é\n[droplet]\nregion = "fra1"\n', "fra1"),
    ".env": (_dotenv, "# é\nDIGITALOCEAN_ACCESS_TOKEN=dop_v1_x\n", "dop_v1_x"),
    "ready.mail.j2": (_text, "Subject: é\n\nHello", "Subject: é\n\nHello"),
    "playbook.yml": (_playbook, f"# é\n{PLAYBOOK}", "One."),
    "one.j2": (_template, "é\n", "One."),
}
FILES = pytest.mark.parametrize("file", READERS)


@FILES
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path, file: str) -> None:
    read, text, value = READERS[file]
    assert read(tmp_path, BOM + text.encode()) == value


@FILES
def test_lines_may_end_as_windows_ends_them(tmp_path: Path, file: str) -> None:
    read, text, value = READERS[file]
    assert read(tmp_path, text.replace("\n", "\r\n").encode()) == value


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
@FILES
def test_another_encoding_is_named_with_the_file_and_what_to_do(
    tmp_path: Path, file: str, encoding: str
) -> None:
    read, text, _ = READERS[file]
    with pytest.raises(InputError) as refused:
        read(tmp_path, text.encode(encoding))
    error = refused.value
    said = f"{error.summary} {error.hint}"
    assert "save it as UTF-8" in said
    assert file in said


def _in_place_of(path: Path, what: str) -> None:
    path.unlink(missing_ok=True)
    if what == "folder":
        path.mkdir()
    elif what == "broken link":
        path.symlink_to("nowhere")
    elif what == "circle":
        path.symlink_to(path.name)
    elif what == "pipe":
        os.mkfifo(path)


@pytest.mark.parametrize(
    ("what", "cause"),
    [
        ("folder", "a folder, not a file"),
        ("broken link", "a link to a file that is not there"),
        ("circle", "Too many levels of symbolic links"),
        ("pipe", "not a plain file"),
    ],
)
@pytest.mark.parametrize("file", ["provisioner.toml", ".env"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, file: str, what: str, cause: str) -> None:
    _in_place_of(tmp_path / file, what)
    with pytest.raises(SettingsError, match=cause):
        load_settings(tmp_path, {})


def test_a_text_that_is_a_broken_link_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "ready.mail.j2").symlink_to("nowhere")
    with pytest.raises(SettingsError, match="a link to a file that is not there"):
        render_text("ready.mail", {}, tmp_path)


def test_a_playbook_in_a_folders_place_is_a_fault_of_the_playbook(tmp_path: Path) -> None:
    (tmp_path / "playbook.yml").mkdir()
    with pytest.raises(PlaybookError, match="a folder, not a file"):
        parse_playbook("one", tmp_path / "playbook.yml")


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("text")
    (tmp_path / "here").symlink_to("there")
    assert read_text(tmp_path / "here", "read") == "text"


def test_a_file_of_any_size_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textfiles, "LARGEST_BYTES", 4)
    (tmp_path / "four").write_text("four")
    (tmp_path / "five5").write_text("five5")
    assert read_text(tmp_path / "four", "read") == "four"
    with pytest.raises(SettingsError, match="larger than"):
        read_text(tmp_path / "five5", "read")


def test_a_file_that_may_not_be_read_says_whose_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(SettingsError, match="Permission denied") as error:
        read_text(tmp_path / ".env", "read the settings")
    assert error.value.hint == "run as the user who owns it"
