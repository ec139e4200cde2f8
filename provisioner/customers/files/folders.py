"""The two folders of records: which files there are, and what is in one."""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from provisioner.customers.files import document, file_names
from provisioner.errors import InputError, RecordError
from provisioner.filesystem.durable import Content, Files, refused

if TYPE_CHECKING:
    from provisioner.customers.record import Customer, Record
    from provisioner.customers.view import AnyCustomer

Read = TypeVar("Read")


@dataclass(frozen=True)
class Stored:
    """A record, where it is, and which version of its file it is from."""

    path: Path
    record: "Record"
    content: Content

    @property
    def archived(self) -> bool:
        return self.path.parent.name == file_names.ARCHIVE


class Folders:
    """`active` and `archive` under one folder."""

    def __init__(self, customers_dir: Path, files: Files) -> None:
        self.active = customers_dir / file_names.ACTIVE
        self.archive = customers_dir / file_names.ARCHIVE
        self.both = (self.active, self.archive)
        self.files = files

    def names(self, folder: Path, suffix: str = file_names.SUFFIX) -> list[str]:
        """The names of the folder's files, sorted; none where it is missing."""
        try:
            with os.scandir(folder) as entries:
                return sorted(entry.name for entry in entries if entry.name.endswith(suffix))
        except FileNotFoundError:
            return []
        except OSError as problem:
            raise refused(problem, "read the records", str(folder)) from None

    def is_archived(self, path: Path) -> bool:
        return path.parent == self.archive

    def places(self, name: str) -> tuple[Path, Path]:
        """Where a file of this name may be."""
        return self.active / name, self.archive / name

    def load(self, path: Path, parse: Callable[[bytes], dict[str, Any]] = document.parse) -> Stored:
        """FileNotFoundError if nothing is there; RecordError if what is there is no record."""
        from provisioner.customers.record import Record

        content = self._read(path)
        try:
            return Stored(path, Record(parse(content.raw)), content)
        except document.BrokenDocument as problem:
            raise _broken(path, problem, problem.hint) from None
        except InputError as problem:
            raise _broken(path, problem.cause) from None

    def load_customer(self, path: str) -> "Customer":
        """The typed view alone, in half the time of `load`, which looks at what this refuses."""
        from provisioner.customers.record import Customer

        try:
            return Customer.model_validate_json(self.files.read_raw(path))
        except (ValueError, RecursionError, OSError):
            return self.load(Path(path)).record.customer

    def view_loader(self) -> "Callable[[str], AnyCustomer]":
        """What a list shows of a file, in a third of the time; `load_customer` looks at what this refuses."""
        from provisioner.customers.view import view_of

        def load_view(path: str) -> "AnyCustomer":
            try:
                view = view_of(self.files.read_raw(path))
            except OSError:
                view = None
            return view or self.load_customer(path)

        return load_view

    def each(self, folder: Path, load: Callable[[str], Read]) -> Iterator[tuple[str, Read | RecordError]]:
        """Every file's name, and what `load` makes of it or what is broken about it."""
        for name in self.names(folder):
            try:
                yield name, load(f"{folder}/{name}")
            except FileNotFoundError:
                continue
            except RecordError as broken:
                yield name, broken

    def mentioning(self, customer_id: str) -> Iterator[Path]:
        """The files that have this id in them as a text of its own, if it is written as we write it."""
        text = f'"{customer_id}"'.encode("utf-8", "surrogatepass")
        for folder in self.both:
            for name in self.names(folder):
                try:
                    raw = self.files.read_raw(f"{folder}/{name}")
                except OSError:
                    continue
                if text in raw:
                    yield folder / name

    def free_name(self, email: str) -> str:
        """The first of the address's names that is free in both folders; RecordError if none is."""
        for name in (file_names.plain_name(email), file_names.marked_name(email)):
            if all(self.files.stamp(path) is None for path in self.places(name)):
                return name
        raise RecordError(
            "name the record",
            whom=email,
            cause="both its names are taken",
            hint="provisioner check shows by whom",
        )

    def _read(self, path: Path) -> Content:
        try:
            return self.files.read(path)
        except FileNotFoundError:
            raise
        except OSError as problem:
            is_link = problem.errno == errno.ELOOP
            raise _broken(path, "a link, not a file" if is_link else problem.strerror) from None


def shown(path: Path) -> str:
    """A record's file as people are told of it: `active/customer_at_example.com.json`."""
    return f"{path.parent.name}/{path.name}"


def _broken(path: Path, cause: str | BaseException | None, hint: str | None = None) -> RecordError:
    hint = hint or "correct the file by hand"
    return RecordError("read the record", whom=shown(path), cause=cause, hint=hint)
