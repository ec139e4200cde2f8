"""Everything that is in one sandbox, made and put together; `close` takes it apart again."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from provisioner.errors import SandboxError
from provisioner.sandbox.cloud.app import cloud_app
from provisioner.sandbox.cloud.state import Cloud
from provisioner.sandbox.control.options import Options
from provisioner.sandbox.control.state import StateFolder
from provisioner.sandbox.faults.injection import Injection
from provisioner.sandbox.faults.mail import delivery
from provisioner.sandbox.faults.rules import FaultBook
from provisioner.sandbox.machines.cache import Say
from provisioner.sandbox.machines.node_mirror import node_app
from provisioner.sandbox.machines.pretend import PretendMachines
from provisioner.sandbox.mail.mailbox import Mailbox
from provisioner.sandbox.model.app import Model, model_app
from provisioner.sandbox.openrouter.account import Account
from provisioner.sandbox.openrouter.app import openrouter_app
from provisioner.sandbox.stripe.app import stripe_app
from provisioner.sandbox.stripe.modes import Credentials, Mode, Stripe
from provisioner.sandbox.telegram.accounts import Bot
from provisioner.sandbox.telegram.app import telegram_app
from provisioner.sandbox.telegram.phones import Phones
from provisioner.sandbox.telegram.world import World
from provisioner.settings import ALLOW_PLAINTEXT

LOOPBACK = "127.0.0.1"
MANAGER = "stuffpress_manager_bot"
_OPERATOR = "stuffpress"
_PATIENCE = 0.5
_PAUSE = 0.05
_ATTEMPTS = 20


class Assembly:
    """One sandbox's services over its machines. Making one may build the base image, which takes a minute."""

    def __init__(self, options: Options, say: Say) -> None:
        self.options = options
        self.folder: StateFolder = options.folder
        self.tokens = self.folder.tokens()
        self.book = FaultBook()
        self.started_at = time.time()
        self.telegram = World()
        self.phones = Phones(self.telegram)
        self.manager = self._make_manager()
        self.model = Model(keys=frozenset({self.tokens.anthropic}))
        self.openrouter = Account(self.tokens.openrouter)
        self.mailbox = Mailbox(
            credentials=(self.tokens.mail_user, self.tokens.mail_password), delivery=delivery(self.book)
        )
        self.stripe = self._make_stripe()
        self.http_port = 0
        self._stack = ExitStack()
        self.gateway = self._add_machines(say)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where its services listen: on loopback, and on the address at which droplets reach the host."""
        return tuple(dict.fromkeys((LOOPBACK, self.gateway)))

    def app(self, say: Say) -> Starlette:
        """All services, each under its own path with its own faults."""
        parts: dict[str, tuple[str, ASGIApp]] = {
            "/v2": ("cloud", cloud_app(self.cloud)),
            "/telegram": ("telegram", telegram_app(self.telegram)),
            "/anthropic": ("model", model_app(self.model)),
            "/openrouter": ("openrouter", openrouter_app(self.openrouter)),
            "/node": ("node", node_app(self.options.cache, say)),
            # Stripe's clients know a host and a port only; the path is theirs.
            "/v1": ("stripe", stripe_app(self.stripe)),
        }
        mounts = [Mount(path, Injection(app, name, self.book)) for path, (name, app) in parts.items()]
        return Starlette(routes=mounts)

    def environment(self) -> dict[str, str]:
        """The settings that point the product at this sandbox; what droplets use too has its own address."""
        here, everywhere = (f"http://{host}:{self.http_port}" for host in (LOOPBACK, self.gateway))
        login = f"{self.tokens.mail_user}:{self.tokens.mail_password}"
        return {
            "DIGITALOCEAN_ACCESS_TOKEN": self.tokens.digitalocean,
            "DIGITALOCEAN_END_POINT": f"{here}/v2/",
            "ANTHROPIC_API_KEY": self.tokens.anthropic,
            "ANTHROPIC_BASE_URL": f"{everywhere}/anthropic",
            "OPENROUTER_MANAGEMENT_KEY": self.tokens.openrouter,
            "OPENROUTER_BASE_URL": f"{everywhere}/openrouter/api/v1",
            "TELEGRAM_API_ROOT": f"{everywhere}/telegram",
            "TELEGRAM_MANAGER_TOKEN": self.manager.token,
            "STRIPE_SECRET_KEY": self.tokens.stripe_key,
            "STRIPE_WEBHOOK_SECRET": self.tokens.stripe_webhook,
            "STRIPE_API_BASE": here,
            "SMTP_URL": f"smtp://{login}@{LOOPBACK}:{self.mailbox.port}",
            "PROVISIONER_NODE_MIRROR": f"{everywhere}/node",
            # The droplets' own network is within this machine, and not its loopback.
            ALLOW_PLAINTEXT: "1",
        }

    def start_mailbox(self, port: int) -> None:
        """Listen on this port of loopback, or on any if it is taken."""
        for candidate in port_candidates(port):
            with suppress(SandboxError):
                self.mailbox.start(LOOPBACK, candidate)
                self._stack.callback(self.mailbox.stop)
                return
        raise SandboxError("start the sandbox", cause=f"no port is free on {LOOPBACK}", retry=True)

    def start_stripe(self) -> None:
        """Begin to deliver Stripe's events, and to let happen what comes due."""
        self.stripe.start()
        self._stack.callback(self.stripe.close)

    def close(self) -> None:
        """Stop the machines and leave nothing behind; raises the first error, after trying everything."""
        self._stack.close()

    def _make_manager(self) -> Bot:
        """StuffPress's own bot, which makes the customers' bots."""
        owner = self.telegram.add_user("StuffPress", _OPERATOR)
        manager = self.telegram.create_bot(owner, "StuffPress", MANAGER, can_manage_bots=True)
        manager.token = f"{manager.id}:{self.tokens.manager}"
        return manager

    def _make_stripe(self) -> Stripe:
        """Test mode, which the settings point at, and live mode beside it."""
        test = Credentials(self.tokens.stripe_key, self.tokens.stripe_webhook)
        live = Credentials(self.tokens.stripe_live_key, self.tokens.stripe_live_webhook)
        return Stripe(Mode(test, book=self.book), Mode(live, livemode=True, book=self.book))

    def _add_machines(self, say: Say) -> str:
        """Make the cloud, and return the address at which its droplets see this host."""
        if self.options.pretend:
            pretend = PretendMachines()
            self._stack.callback(pretend.close)
            self._add_cloud(Cloud(pretend, self.tokens.digitalocean, options=self.options.cloud))
            return LOOPBACK
        from provisioner.sandbox.machines import host, image, nspawn

        host.require()
        self._stack.enter_context(self.folder.marked_for_machines())
        machines = nspawn.start(
            self.folder.path, self.folder.sandbox_id, say, cache=self.options.cache, faults=self.book
        )
        self._stack.callback(machines.close)
        self._add_cloud(
            Cloud(
                machines,
                self.tokens.digitalocean,
                options=self.options.cloud,
                outside=machines.gateway,
                bootable=frozenset({image.DEBIAN}),
            )
        )
        return machines.gateway

    def _add_cloud(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._stack.callback(cloud.close)


def port_candidates(wanted: int) -> Iterator[int]:
    """Ports to try in turn: the wanted one for half a second, then any that is free (0).

    Half a second, because a sandbox that was killed just now holds its ports until its last thread is gone.
    """
    deadline = time.monotonic() + _PATIENCE
    while wanted and time.monotonic() < deadline:
        yield wanted
        time.sleep(_PAUSE)
    yield from [0] * _ATTEMPTS
