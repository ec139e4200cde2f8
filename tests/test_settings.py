"""Settings: `.env` by python-dotenv's rules, slips of the pen, and addresses that secrets may be sent to."""

from pathlib import Path

import pytest

from provisioner.errors import SettingsError
from provisioner.settings import load_settings


def _token(root: Path, text: str) -> str | None:
    (root / ".env").write_text(text)
    found = load_settings(root, {}).digitalocean_token
    return found.get_secret_value() if found else None


@pytest.mark.parametrize(
    "line",
    [
        "DIGITALOCEAN_ACCESS_TOKEN=dop_v1_x",
        "DIGITALOCEAN_ACCESS_TOKEN=dop_v1_x # of the new account",
        "export DIGITALOCEAN_ACCESS_TOKEN = 'dop_v1_x'  # of the new account",
        'DIGITALOCEAN_ACCESS_TOKEN="dop_v1_x"',
        "# first\n\nOTHER='a # b'\nDIGITALOCEAN_ACCESS_TOKEN=dop_v1_x",
        "KEY=x\nDIGITALOCEAN_ACCESS_TOKEN=dop_v1_${KEY}",
        'PEM="one\ntwo"\nDIGITALOCEAN_ACCESS_TOKEN=dop_v1_x\r\n',
    ],
)
def test_dotenv_is_read_by_the_rules_of_python_dotenv(tmp_path: Path, line: str) -> None:
    assert _token(tmp_path, line) == "dop_v1_x"


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("\n# one\nnot a line\n", 3, None),
        ("A=1\n\n\nB\n", 4, None),
        ("A=1\n2B=3\n", 2, None),
        ("A=1\n=3\n", 2, None),
        ('A=1\nB="no end\nC=1\n', 2, "has to end with it"),
        ("A='x' y\n", 1, "only a comment may follow"),
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, text: str, line: int, hint: str | None) -> None:
    with pytest.raises(SettingsError) as refused:
        _token(tmp_path, text)
    assert refused.value.summary.endswith(f".env, line {line}: not a NAME=value line")
    assert (hint or "") in (refused.value.hint or "")


def test_the_environment_goes_first_and_blank_ends_are_no_part(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DIGITALOCEAN_ACCESS_TOKEN=one\nANTHROPIC_API_KEY=two\n")
    settings = load_settings(tmp_path, {"DIGITALOCEAN_ACCESS_TOKEN": " three\n", "ANTHROPIC_API_KEY": ""})
    assert settings.digitalocean_token is not None
    assert settings.digitalocean_token.get_secret_value() == "three"


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        (
            '[droplet]\nregoin = "fra1"',
            "droplet.regoin: there is no such setting; did you mean droplet.region",
        ),
        ('[droplte]\nregion = "fra1"', "droplte: there is no such setting; did you mean droplet?"),
        ("[zebra]\nx = 1", "zebra: there is no such setting"),
        ('[ssh]\nkey = "~nosuchuser/x"', "~nosuchuser/x begins with the home of a user who does not exist"),
        ('[ssh]\nkey = "a\\u0000b"', "ssh.key: no path has a NUL"),
        ("[messaging]\nlink_hours = inf", "messaging.link_hours: must be a finite number"),
        ("[messaging]\nlink_hours = nan", "messaging.link_hours: must be a finite number"),
        ("[messaging]\nlink_hours = 1e300", "messaging.link_hours"),
        ("[messaging]\nreminder_hours = [24, inf]", "messaging.reminder_hours.1: must be a finite number"),
        ("[messaging]\nreminder_hours = [-1]", "messaging.reminder_hours.0"),
        ("[droplet]\nssh_seconds = inf", "droplet.ssh_seconds: must be a finite number"),
        ("[droplet]\npoll_seconds = 1e300", "droplet.poll_seconds"),
        ("[droplet]\nrequests_per_minute = 1" + "0" * 400, "droplet.requests_per_minute"),
        ("[droplet]\nrequests_per_minute = 1" + "0" * 5000, "provisioner.toml"),
        ("x = " + "[" * 5000 + "]" * 5000, "provisioner.toml"),
        ('[operator]\nname = "Stuff\\nBcc: all@example.com"', "operator.name: does not look right"),
        ('[operator]\nname = ""', "operator.name"),
        (
            '[plans.price_big]\nsise = "s-2vcpu-4gb"',
            "plans.price_big.sise: there is no such setting; did you mean plans.price_big.size?",
        ),
        ('[plan.price_big]\nsize = "s-2vcpu-4gb"', "did you mean plans?"),
        ('[plans.price_big]\nsize = "S 2"', "plans.price_big.size: does not look right"),
        ('[plans.price_big]\nmodel = "claude"', "plans.price_big.model: does not look right"),
        ('[plans.prod_1]\nsize = "s-2vcpu-4gb"', "plans.prod_1"),
        ('[operator]\ncontact = "a\\u0007b"', "operator.contact"),
        ('[mail]\nsender = "a\\r\\nb"', "mail.sender"),
        ('digitalocean_token = "x"', "put DIGITALOCEAN_ACCESS_TOKEN into .env"),
    ],
)
def test_a_slip_of_the_pen_is_refused_in_words(tmp_path: Path, toml: str, says: str) -> None:
    (tmp_path / "provisioner.toml").write_text(f"{toml}\n")
    with pytest.raises(SettingsError) as refused:
        load_settings(tmp_path, {})
    assert says in f"{refused.value.summary} {refused.value.hint}"


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "“quoted”", "nul\0"])
def test_a_token_that_no_request_can_carry_is_refused_without_showing_it(tmp_path: Path, token: str) -> None:
    with pytest.raises(SettingsError, match="TELEGRAM_MANAGER_TOKEN") as refused:
        load_settings(tmp_path, {"TELEGRAM_MANAGER_TOKEN": token})
    assert token not in refused.value.summary


ENDPOINTS = (
    "DIGITALOCEAN_END_POINT",
    "ANTHROPIC_BASE_URL",
    "OPENROUTER_BASE_URL",
    "TELEGRAM_API_ROOT",
    "PROVISIONER_NODE_MIRROR",
)


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://api.example.com/v2/", True),
        ("http://127.0.0.1:8000/v2/", True),
        ("http://127.8.8.8/v2/", True),
        ("http://[::1]:8000/", True),
        ("http://localhost:8000/", True),
        ("http://sandbox.localhost/", True),
        ("http://api.example.com/v2/", False),
        ("http://10.213.0.1:8000/", False),
        ("http://127.0.0.1.example.com/", False),
        ("http://localhost.example.com/", False),
        ("http://localhost@evil.example/", False),
        ("HTTP://evil.example/", False),
    ],
)
def test_what_goes_without_tls_to_another_machine_is_refused(
    tmp_path: Path, name: str, address: str, allowed: bool
) -> None:
    (tmp_path / ".env").write_text(f"{name}={address}\n")
    if allowed:
        assert address in load_settings(tmp_path, {}).model_dump().values()
        return
    with pytest.raises(SettingsError, match=f"{name} is http://.*without TLS"):
        load_settings(tmp_path, {})
    allowing = load_settings(tmp_path, {"PROVISIONER_ALLOW_PLAINTEXT": "1"})
    assert address in allowing.model_dump().values()


def test_dotenv_cannot_allow_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PROVISIONER_ALLOW_PLAINTEXT=1\nTELEGRAM_API_ROOT=http://evil.example\n")
    for environment in ({}, {"PROVISIONER_ALLOW_PLAINTEXT": ""}, {"PROVISIONER_ALLOW_PLAINTEXT": "0"}):
        with pytest.raises(SettingsError, match="without TLS"):
            load_settings(tmp_path, environment)


@pytest.mark.parametrize(
    "address", ["api.example.com", "ftp://example.com", "file:///etc/passwd", "http://[::1"]
)
def test_what_is_no_web_address_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingsError, match="begins with https://"):
        load_settings(tmp_path, {"DIGITALOCEAN_END_POINT": address})


def test_an_editors_curly_quotes_are_answered_with_straight_ones(tmp_path: Path) -> None:
    (tmp_path / "provisioner.toml").write_text("[operator]\ncontact = “help@example.com”\n", "utf-8")
    with pytest.raises(SettingsError, match="at line 2") as refused:
        load_settings(tmp_path)
    assert "straight quotes" in str(refused.value.hint)
