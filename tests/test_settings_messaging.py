"""The settings of what customers are written with: secrets from the environment, the rest from the file."""

from pathlib import Path

import pytest

from provisioner.errors import SettingsError
from provisioner.secrets import Redactor
from provisioner.settings import default_toml, load_settings
from provisioner.steps.handoff import Handoff
from provisioner.steps.messaging import Messaging
from provisioner.steps.moltbot import Moltbot
from tests.steps.support import new_record


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
    (tmp_path / "provisioner.toml").write_text(default_toml())

    written, default = load_settings(tmp_path, {}), load_settings(tmp_path / "nowhere", {})

    assert written.messaging == default.messaging
    assert (written.messaging.link_hours, written.messaging.reminder_hours) == (168, (24, 72))
    assert written.mail == default.mail
    assert written.operator == default.operator
    (tmp_path / "provisioner.toml").write_text(default_toml('"Ada" <help@example.com>'))
    assert load_settings(tmp_path, {}).operator.contact == '"Ada" <help@example.com>'


@pytest.mark.parametrize("contact", [None, "  ", "support@example.com"])
def test_nobody_is_told_to_write_to_an_address_that_nobody_has_set(
    tmp_path: Path, contact: str | None
) -> None:
    if contact is not None:
        (tmp_path / "provisioner.toml").write_text(f'[operator]\ncontact = "{contact}"\n')
    settings = load_settings(tmp_path, {"ANTHROPIC_API_KEY": "sk-ant-key"})

    assert settings.operator.contact is None
    customer = new_record().customer
    for step in (Moltbot(), Messaging(), Handoff()):
        (need,) = step.needs(settings, customer)
        assert need.startswith("set [operator] contact in provisioner.toml")


def test_an_address_to_send_from_is_asked_for_where_mail_is_sent(tmp_path: Path) -> None:
    (tmp_path / "provisioner.toml").write_text('[operator]\ncontact = "t.me/stuffpress_help"\n')
    assert load_settings(tmp_path, {}).missing_for_customers() == []

    (need,) = load_settings(tmp_path, {"SMTP_URL": "smtp://mail.example.com"}).missing_for_customers()
    assert need.startswith("set [mail] sender")
    (tmp_path / "provisioner.toml").write_text('[operator]\ncontact = "help@example.com"\nname = "A, B"\n')
    settings = load_settings(tmp_path, {"SMTP_URL": "smtp://mail.example.com"})
    assert settings.missing_for_customers() == []
    assert settings.sender == '"A, B" <help@example.com>'


@pytest.mark.parametrize(
    "line",
    [
        '[operator]\nname = "Stuff\\nBcc: eve@example.com"',
        '[operator]\nname = "Stuff\\rPress"',
        '[operator]\ncontact = "help@example.com\\u2028x"',
        '[mail]\nsender = "a@example.com\\nSubject: x"',
        '[operator]\nname = "\\u001b[2J"',
    ],
)
def test_what_goes_into_the_head_of_an_e_mail_is_one_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "provisioner.toml").write_text(f"{line}\n")

    with pytest.raises(SettingsError, match=r"(operator|mail)\."):
        load_settings(tmp_path, {})


@pytest.mark.parametrize("line", ["link_hours = 0", 'reminder_hours = "soon"', "link_days = 7"])
def test_a_slip_of_the_pen_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "provisioner.toml").write_text(f"[messaging]\n{line}\n")

    with pytest.raises(SettingsError, match="messaging"):
        load_settings(tmp_path, {})
