"""The steps moltbot and apply: the playbooks on a server that has nothing yet, and on one that works."""

import re
from collections.abc import Mapping
from decimal import Decimal

from provisioner.customers.done import is_done
from provisioner.customers.record import Customer
from provisioner.customers.wanted import settings_of, to_change, wanted_of
from provisioner.errors import InputError, ModelError, RemoteError
from provisioner.images.recipe import playbook_variables, program_variables, server_variables
from provisioner.messaging.registry import channel_of
from provisioner.printable import command
from provisioner.secrets import mark_of
from provisioner.services.factory import Services
from provisioner.settings import Settings, provider_of
from provisioner.ssh.json_answers import parse_json
from provisioner.step import Done, Outcome, Planned, Step, Work
from provisioner.steps.answer import refusal
from provisioner.steps.applied import asks_anew, differences, shared_variables, wanted_parts
from provisioner.steps.audit import audit
from provisioner.steps.model_key import (
    delete_model_key,
    ensure_model_key,
    has_own_key,
    missing_for_own_key,
)
from provisioner.timestamps import now

_APPLY = "bring the server up to date"
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,39}")


class _Playbooks(Step):
    """Brings the server to the state of the playbooks `server`, `openclaw`, `moltbot` and the channel's."""

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        # The contact stands in what the assistant knows about its operator.
        own = settings.model_keys.model_provider
        missing = [*settings.missing_for_customers(), *settings.missing_for_model()]
        # One of their own that is not wanted any more is deleted.
        missing += missing_for_own_key(settings, customer)
        model = wanted_of(customer, settings).model
        if provider_of(model.value) != own:
            cause = f"{model.value} is another provider's, whose key servers do not get"
            change = to_change(customer.email, "model", f"{own}/…", model.source, model.price)
            missing.append(f"{change} ({cause})")
        return list(dict.fromkeys(missing))

    def refusals(self, settings: Settings, services: Services, customer: Customer) -> list[str]:
        """What the model's provider says against the key and the model.

        Only what is certain stands in the way: servers may reach a provider that this machine does not.
        """
        from provisioner.services.model_keys.errors import ManagementKeyRefused, ModelRefused, ModelUnknown

        model = wanted_of(customer, settings).model
        try:
            if has_own_key(settings):
                return _without_credit(services.model_keys.credit())
            services.model.check_once(model.value.partition("/")[2])
        except (ModelRefused, ManagementKeyRefused) as error:
            hint = error.hint
            if isinstance(error, ModelUnknown) and model.source != "settings":
                own = settings.model_keys.model_provider
                hint = to_change(customer.email, "model", f"{own}/…", model.source, model.price)
            return [f"{hint} ({error.cause})"]
        except ModelError:
            pass
        return []

    def plan(self, work: Work) -> list[Planned]:
        own = _own_key_planned(work)
        if not work.customer.setup.droplet.ip:
            return [*own, Planned("apply the playbooks server, openclaw and moltbot", needed=True)]
        settings = settings_of(work.customer, work.settings)
        return [
            *own,
            *work.server.plan("server", server_variables(settings)),
            *work.server.plan("openclaw", program_variables(settings)),
            *work.server.plan("moltbot", _variables(work), _secrets(work)),
            *_other_version(work),
        ]

    def apply(self, work: Work) -> str:
        """Apply them; the version that the gateway says. RemoteError where it does not."""
        work.server.apply_together(playbook_variables(settings_of(work.customer, work.settings)))
        if not work.customer.setup.droplet.host_key_renewed:
            _renew_host_key(work)
        if has_own_key(work.settings):
            ensure_model_key(work)
        channel_of(work.customer).preconfigure(work)
        found = configure_gateway(work)
        version = found.get("version")
        if not version or not _VERSION.fullmatch(version):
            raise RemoteError(f"run the step {self.name}", cause="the gateway did not say its version")
        return version


def configure_gateway(work: Work) -> Mapping[str, str]:
    """Bring the gateway to what it shall be, with the key for the model that is there; what it registers."""
    return work.server.apply("moltbot", _variables(work), _secrets(work))


class Moltbot(_Playbooks):
    """Has Moltbot installed and healthy on the customer's server."""

    name = "moltbot"

    def done(self, customer: Customer) -> bool:
        return is_done(customer, self.name)

    def run(self, work: Work) -> Outcome:
        wanted = _wanted(work)
        version = self.apply(work)
        work.record(
            "moltbot_installed",
            f"Installed Moltbot {version}",
            {
                "setup.moltbot.installed": True,
                "setup.moltbot.installedAt": now(),
                "setup.moltbot.version": version,
                "setup.moltbot.dropletId": work.customer.setup.droplet.id,
                "setup.moltbot.applied": wanted,
                "setup.moltbot.audit": None,
            },
        )
        _let_go_of_own_key(work)
        # A customer who is handed over already waits for nothing.
        if is_done(work.customer, "handoff"):
            audit(work)
        return Done()


class Apply(_Playbooks):
    """Brings a server that works already to what playbooks and settings are today."""

    name = "apply"

    def done(self, customer: Customer) -> bool:
        """Never: who asks for it has seen what differs, or wants it anyway."""
        return False

    def run(self, work: Work) -> Outcome:
        email, moltbot = work.customer.email, work.customer.setup.moltbot
        if not is_done(work.customer, "moltbot"):
            raise InputError(
                _APPLY, whom=email, cause="nothing is installed", hint=command("provision", email)
            )
        wanted = _wanted(work)
        differing = differences(moltbot.applied, wanted, wanted_of(work.customer, work.settings).model.whence)
        version = self.apply(work)
        if asks_anew(moltbot.applied, wanted):
            _demand_answer(work)
        work.record(
            "server_updated",
            f"The server is as the settings say now ({'; '.join(differing) or 'nothing differed'})",
            {
                "setup.moltbot.applied": wanted,
                "setup.moltbot.version": version,
                "setup.moltbot.audit": None,
            },
        )
        _let_go_of_own_key(work)
        audit(work)
        return Done()


def _own_key_planned(work: Work) -> list[Planned]:
    own, settings = work.customer.setup.model_key, work.settings
    if not has_own_key(settings):
        return []
    there = own.hash is not None and own.placed_on == work.customer.setup.droplet.id
    return [Planned("make a key of their own for the model", needed=not there)]


def _without_credit(left: Decimal) -> list[str]:
    if left > 0:
        return []
    return ["buy credit at the model's provider (nothing of it is left, and no key works without)"]


def _let_go_of_own_key(work: Work) -> None:
    """Delete the customer's own key where the settings want the shared one, which is in use by now."""
    if not has_own_key(work.settings):
        delete_model_key(work)


def _wanted(work: Work) -> dict[str, str]:
    settings = settings_of(work.customer, work.settings)
    return wanted_parts(settings, [work.playbooks], channel_of(work.customer).playbooks(settings))


def _demand_answer(work: Work) -> None:
    """With another model or key it is not known to answer. What it had is gone; trying again goes on."""
    work.say("having the assistant answer once")
    reason = refusal(work)
    if reason is not None:
        own = has_own_key(work.settings)
        what = (
            "look at the key in the provider's settings" if own else "correct the model or ANTHROPIC_API_KEY"
        )
        hint = f"{what}, then {command('apply', work.customer.email)}"
        raise RemoteError(_APPLY, whom=work.customer.email, cause=reason, hint=hint)


def _renew_host_key(work: Work) -> None:
    """Give the server a host key that its user data, which every program there can read, does not hold.

    Before the first secret goes there. Both keys are in the record until the new one is proven.
    """
    work.say("replacing the server's first host key")
    key = work.customer.setup.droplet.next_host_key or work.server.prepare_host_key()
    work.write({"setup.droplet.nextHostKey": key})
    work.server.activate_host_key(key)
    work.record(
        "host_key_renewed",
        "The server has a host key of its own making",
        {
            "setup.droplet.hostKey": key,
            "setup.droplet.nextHostKey": None,
            "setup.droplet.hostKeyRenewed": now(),
        },
    )


def _other_version(work: Work) -> list[Planned]:
    """That another version is there than the settings want. No run replaces the one that works."""
    wanted, found = wanted_of(work.customer, work.settings).version, _version_there(work)
    if found is None or found == wanted.value:
        return []
    whose = "the settings want" if wanted.source == "settings" else f"{wanted.whence} wants"
    words = f"Moltbot {found} is there and {whose} {wanted.value}: a run leaves it as it is"
    return [Planned(words, needed=True, behind=True)]


def _version_there(work: Work) -> str | None:
    """As the server says now (its owner may have replaced it); as recorded where it cannot say."""
    recorded = work.customer.setup.moltbot.version
    try:
        said = parse_json(
            work.server.run("openclaw-report", timeout=20), doing="see the version", whom=work.customer.email
        )
    except RemoteError:
        return recorded
    version = said.get("installed") if isinstance(said, dict) else None
    return version if isinstance(version, str) and _VERSION.fullmatch(version) else recorded


def _variables(work: Work) -> dict[str, object]:
    settings, customer = settings_of(work.customer, work.settings), work.customer
    return {
        **shared_variables(settings),
        "model": settings.moltbot.model,
        "provider": provider_of(settings.moltbot.model),
        "own_key": has_own_key(settings),
        "key_mark": _key_mark(work),
        "customer_name": customer.name or "",
        "joined": (customer.signup_date or now())[:10],
        "plan": customer.subscription.plan or "",
    }


def _secrets(work: Work) -> dict[str, str]:
    return {} if has_own_key(work.settings) else {"ANTHROPIC_API_KEY": _key(work)}


def _key_mark(work: Work) -> str:
    """Of the key that is there; empty where one of the customer's own is still to be made."""
    if has_own_key(work.settings):
        return work.customer.setup.model_key.mark or ""
    return mark_of(_key(work))


def _key(work: Work) -> str:
    key = work.settings.anthropic_key
    assert key, "needs() asks for the key"
    return key.get_secret_value()
