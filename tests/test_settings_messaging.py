"""The settings of what customers are written with: secrets from the environment, the rest from the file."""

from pathlib import Path

import pytest

from provisioner.errors import SettingsError
from provisioner.secrets import Redactor
from provisioner.settings import DEFAULT_TOML, load_settings


def test_the_secrets_come_from_the_environment_and_are_cut_from_every_text(tmp_path: Path) -> None:
    address = "smtp://stuff:p%40ss-word@mail.example.com:587"
    settings = load_settings(tmp_path, {"TELEGRAM_MANAGER_TOKEN": "123456:manager", "SMTP_URL": address})

    assert settings.telegram_manager_token is not None
    assert settings.smtp_url is not None
    assert settings.smtp_url.get_secret_value() == address
    said = Redactor(settings.secret_values())(f"{address} with p@ss-word, p%40ss-word and 123456:manager")
    for secret in ("p@ss-word", "p%40ss-word", "123456:manager"):
        assert secret not in said
        assert secret not in repr(settings)


def test_the_file_that_init_writes_says_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "provisioner.toml").write_text(DEFAULT_TOML)

    written, default = load_settings(tmp_path, {}), load_settings(tmp_path / "nowhere", {})

    assert written.messaging == default.messaging
    assert (written.messaging.link_hours, written.messaging.reminder_hours) == (168, (24, 72))
    assert written.mail == default.mail


@pytest.mark.parametrize("line", ["link_hours = 0", 'reminder_hours = "soon"', "link_days = 7"])
def test_a_slip_of_the_pen_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "provisioner.toml").write_text(f"[messaging]\n{line}\n")

    with pytest.raises(SettingsError, match="messaging"):
        load_settings(tmp_path, {})
