"""The one reader of files that people edit by hand: settings, records, templates, playbooks.

Editors save such files with a byte order mark or in another encoding, and people put a folder or a link in a
file's place. The mark is no part of the text; everything else is said with what to do about it.
"""

import errno
import os
import stat
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path

from provisioner.errors import SettingsError

LARGEST_BYTES = 16 * 1024 * 1024
"""Nobody writes more by hand; without a limit a file put there by mistake would fill the memory."""

SAVE_AS_UTF8 = "save it as UTF-8: every editor has that in “Save as”"
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class UnreadableText(ValueError):
    """There is a file, but no text can be read from it; `cause` says why and `hint` what to do."""

    def __init__(self, cause: str, hint: str | None = None) -> None:
        super().__init__(f"{cause}; {hint}" if hint else cause)
        self.cause = cause
        self.hint = hint


def read_text(path: Path, doing: str) -> str:
    """The text of a settings file: UTF-8, without a byte order mark, lines ended by a newline.

    FileNotFoundError if nothing is there; SettingsError, with what to do, if it cannot be read.
    """
    try:
        return text_at(path)
    except UnreadableText as problem:
        raise SettingsError(doing, whom=str(path), cause=problem.cause, hint=problem.hint) from None


def text_at(path: Path) -> str:
    """As `read_text`, for who has an error of their own to raise: UnreadableText."""
    return decoded(_bytes_of(path)).replace("\r\n", "\n").replace("\r", "\n")


def decoded(raw: bytes) -> str:
    """The text of these bytes; UnreadableText names the place where they are no UTF-8."""
    if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise UnreadableText("not UTF-8 but UTF-16", SAVE_AS_UTF8)
    body = raw.removeprefix(BOM_UTF8)
    if b"\0" in body:
        # UTF-16 without its mark: every other byte of plain letters is a NUL.
        cause = f"not a text: a NUL at {_place(body, body.index(0))}"
        raise UnreadableText(cause, f"it may be UTF-16; {SAVE_AS_UTF8}")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise UnreadableText(f"not UTF-8 at {_place(body, problem.start)}", SAVE_AS_UTF8) from None


def _place(raw: bytes, position: int) -> str:
    line = raw.count(b"\n", 0, position) + 1
    start = raw.rfind(b"\n", 0, position) + 1
    return f"line {line}, column {position - start + 1}"


def _bytes_of(path: Path) -> bytes:
    try:
        handle = os.open(path, _READ)
    except FileNotFoundError:
        if path.is_symlink():
            raise UnreadableText(
                "a link to a file that is not there", "put the file where it leads"
            ) from None
        raise
    except OSError as problem:
        raise _refused(problem) from None
    try:
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            raise UnreadableText("a folder, not a file", "move the folder away")
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableText("not a plain file", "put a plain file in its place")
        return _limited(handle)
    except OSError as problem:
        raise _refused(problem) from None
    finally:
        os.close(handle)


def _limited(handle: int) -> bytes:
    with os.fdopen(handle, "rb", closefd=False) as file:
        raw = file.read(LARGEST_BYTES + 1)
    if len(raw) > LARGEST_BYTES:
        raise UnreadableText(
            f"larger than {LARGEST_BYTES // 1024 // 1024} MB", "put the right file in its place"
        )
    return raw


def _refused(problem: OSError) -> UnreadableText:
    hint = "run as the user who owns it" if problem.errno in (errno.EACCES, errno.EPERM) else None
    return UnreadableText(problem.strerror or str(problem), hint)
