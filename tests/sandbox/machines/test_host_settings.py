"""What a machine takes over from its host."""

from pathlib import Path

import pytest

from provisioner.sandbox.machines import host_settings


def pem(word: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{word}\n-----END CERTIFICATE-----\n"


def test_every_added_authority_is_taken_once(tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.mkdir()
    (local / "company.crt").write_text(pem("company"))
    (local / "notes.txt").write_text(pem("no certificate file"))
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("# comment\n" + pem("public") + pem("company"))
    found = host_settings.certificates({"NODE_EXTRA_CA_CERTS": str(bundle)}, local)
    assert found == (pem("company"), pem("public"))


def test_nothing_is_taken_where_nothing_is_added(tmp_path: Path) -> None:
    assert host_settings.certificates({}, tmp_path) == ()
    assert host_settings.certificates({"NODE_EXTRA_CA_CERTS": str(tmp_path / "gone.pem")}, tmp_path) == ()


def test_node_trusts_inside_what_it_trusts_outside(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert "NODE_EXTRA_CA_CERTS" not in host_settings.environment_inside(home)
    inside = host_settings.environment_inside({**home, "NODE_EXTRA_CA_CERTS": "/somewhere/else.pem"})
    assert inside["NODE_EXTRA_CA_CERTS"] == "/etc/ssl/certs/ca-certificates.crt"


def test_a_chosen_npm_registry_is_found(tmp_path: Path) -> None:
    (tmp_path / ".npmrc").write_text(
        'fund=false\nregistry = "https://npm.example/"\n@team:registry=https://x/\n'
    )
    home = {"HOME": str(tmp_path)}
    assert host_settings.npm_registry(home) == "https://npm.example/"
    assert host_settings.npm_registry({**home, "npm_config_registry": "https://env/"}) == "https://env/"
    assert host_settings.environment_inside(home)["npm_config_registry"] == "https://npm.example/"


def test_only_what_decides_about_the_mirrors_is_kept_of_apt() -> None:
    dump = (
        'Acquire::Check-Date "false";\nAcquire::http::Proxy "http://p:1";\nDPkg::Post-Invoke "rm";\nAPT "";\n'
    )
    assert (
        host_settings.apt_settings(dump)
        == 'Acquire::Check-Date "false";\nAcquire::http::Proxy "http://p:1";\n'
    )


@pytest.mark.parametrize("address", ["127.0.0.53", "::1"])
def test_a_resolver_on_loopback_is_replaced_by_its_uplink(tmp_path: Path, address: str) -> None:
    etc, uplink = tmp_path / "etc", tmp_path / "uplink"
    etc.write_text(f"nameserver {address}\noptions edns0\n")
    assert host_settings.resolv_conf(etc, uplink) == ""
    uplink.write_text("nameserver 192.0.2.1\nsearch example\n")
    assert host_settings.resolv_conf(etc, uplink) == "nameserver 192.0.2.1\nsearch example\n"


def test_a_resolver_elsewhere_is_kept(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    etc.write_text("nameserver 127.0.0.1\nnameserver 192.0.2.7\n")
    assert host_settings.resolv_conf(etc, tmp_path / "none") == "nameserver 192.0.2.7\n"
