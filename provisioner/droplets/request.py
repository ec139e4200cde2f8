"""One droplet for an owner, and never two.

The API makes a new droplet for every request and has no way to say "this one again". So the request is
written down before it is sent, it is sent once, and whenever its end is not known the droplet is looked for;
only after a whole window in which nothing was there is it asked for again. What is written down, and what
follows:

    id    requestedAt
    no    no            nothing was asked for: ask
    no    yes           something may be there: look first
    yes                 it was accepted: wait until it is active
"""

from collections.abc import Callable
from dataclasses import replace

from provisioner.droplets.arrival import DropletArrival
from provisioner.droplets.cloud_config import cloud_config
from provisioner.droplets.identity import FLEET_TAG, all_tags, stated_host_key
from provisioner.droplets.keeper import DropletKeeper, Wanted
from provisioner.droplets.search import DropletSearch, several
from provisioner.errors import CloudError
from provisioner.services.digitalocean.errors import CloudCallError
from provisioner.services.digitalocean.models import DropletInfo, DropletSpec
from provisioner.ssh.keys import KeyPair, generate_keypair, operator_key
from provisioner.ssh.operator_keys import OperatorKeys

_REQUESTS = 2
"""After how many requests whose end is not known a run gives up."""
_PATIENCE_SECONDS = 120.0
"""How long a request is repeated that the API refused only for the moment."""
_PAUSE_SECONDS = 2.0


class DropletRequest:
    """Gets one owner their droplet.

    `wanted` is asked before each request what kind it shall be. `instead`, before the first one and where no
    earlier one made a droplet, may write down one that is there already; then it is True.
    """

    def __init__(
        self,
        keeper: DropletKeeper,
        wanted: Callable[[], Wanted],
        instead: Callable[[], bool] = lambda: False,
    ) -> None:
        self._keeper = keeper
        self._wanted = wanted
        self._instead = instead

    def accepted(self) -> None:
        """Have the owner's only droplet asked for, without waiting until it is up; CloudError."""
        if not self._keeper.asked.id:
            self._obtain()

    def active(self) -> DropletInfo:
        """The owner's only droplet, active and with an address, made if there is none; CloudError."""
        asked_here = False
        if not self._keeper.asked.id:
            asked_here = self._obtain()
        droplet_id = self._keeper.asked.id
        assert droplet_id, "obtaining a droplet writes its id down"
        droplet = DropletArrival(self._keeper, droplet_id, asked_here=asked_here).wait()
        self._demand_single(droplet)
        return droplet

    def _obtain(self) -> bool:
        """Get a droplet's id written down; False if the droplet was there already.

        Nothing but this loop asks for a droplet again: not the client, which repeats every other request
        that can be, and not the run. It alone knows what may exist. What was refused for the moment made
        nothing, and is asked for again within `_PATIENCE_SECONDS`; of a request whose end is not known, the
        droplet is looked for during a whole window, and there are at most `_REQUESTS` of them.
        """
        if self._found_earlier() or self._instead():
            return False
        self._prepare_account()
        keeper, uncertain = self._keeper, 0
        deadline = keeper.clock.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                doubt = self._request()
            except CloudCallError as refusal:
                _pause_after(refusal, keeper, deadline)
                continue
            if doubt is None:
                return True
            keeper.say(f"it is not certain whether the droplet was created: {doubt.cause}")
            if self._found():
                return True
            uncertain += 1
            if uncertain == _REQUESTS:
                raise _nothing_came(keeper, doubt)
            deadline = keeper.clock.monotonic() + _PATIENCE_SECONDS

    def _found_earlier(self) -> bool:
        """Whether an earlier request made a droplet, as far as it is written down that there was one."""
        if self._keeper.asked.requested_at:
            return self._found()
        DropletSearch(self._keeper).demand_none_tagged()
        return False

    def _found(self) -> bool:
        droplet = DropletSearch(self._keeper).settle()
        if droplet is None:
            return False
        self._keeper.found(droplet, stated_host_key(droplet.tags, droplet.name))
        return True

    def _prepare_account(self) -> None:
        """Have the operator's key and the firewall there, whose requests the client repeats."""
        self._key_ids()
        self._keeper.cloud.ensure_firewall(FLEET_TAG, self._keeper.ssh.port)

    def _key_ids(self) -> tuple[int, ...]:
        """Of the operator's keys that the droplet is to take: two while one takes the other's place."""
        path = self._keeper.ssh.key
        in_use = operator_key(path)
        coming = OperatorKeys(path).next if path is not None else None
        keys = [in_use] if coming is None else [in_use, coming]
        return tuple(self._keeper.cloud.ensure_ssh_key(key.public, "provisioner").id for key in keys)

    def _request(self) -> CloudCallError | None:
        """Write down what is asked for, ask once, and write down what came of it.

        None when the droplet is accepted; the error if that is uncertain. Raises what the API refused; then
        nothing exists, and what is written down says so.
        """
        keeper = self._keeper
        keeper.say("asking DigitalOcean for a droplet")
        host_key = generate_keypair(keeper.name)
        spec = self._spec(host_key)
        # The last thing before the request: from here on it may have happened.
        keeper.intend(spec, host_key.public)
        try:
            # Who replaces the operator's key sees by now that this droplet may come.
            droplet = keeper.cloud.create_droplet(replace(spec, ssh_keys=self._key_ids()))
        except CloudCallError as error:
            if error.report.sent:
                return error
            keeper.refused()
            raise
        keeper.accepted(droplet.id)
        return None

    def _spec(self, host_key: KeyPair) -> DropletSpec:
        keeper, wanted = self._keeper, self._wanted()
        return DropletSpec(
            name=keeper.name,
            region=wanted.region,
            size=wanted.size,
            image=wanted.image,
            ssh_keys=self._key_ids(),
            tags=all_tags(keeper.tag, host_key.public, keeper.mark),
            user_data=cloud_config(host_key),
        )

    def _demand_single(self, droplet: DropletInfo) -> None:
        """An earlier request may have shown its effect by now."""
        tagged = self._keeper.cloud.droplets_beside(droplet, self._keeper.tag)
        ids = {droplet.id, *(one.id for one in tagged)} - self._keeper.others
        if len(ids) > 1:
            raise several(self._keeper, tuple(ids))


def _pause_after(refusal: CloudCallError, keeper: DropletKeeper, deadline: float) -> None:
    """Until it can be asked again; raises the refusal if that does not help, or only after the deadline."""
    pause = _PAUSE_SECONDS if refusal.report.retry_after is None else refusal.report.retry_after
    if not refusal.retry or keeper.clock.monotonic() + pause > deadline:
        raise refusal
    keeper.say(f"DigitalOcean does not take requests now: asking again in {pause:.0f} s")
    keeper.clock.sleep(pause)


def _nothing_came(keeper: DropletKeeper, last: CloudCallError) -> CloudError:
    return CloudError(
        "create the droplet",
        whom=keeper.whom,
        cause=f"asked {_REQUESTS} times, and no droplet came of it; the last time: {last.cause}",
        hint="run the same command again; https://status.digitalocean.com shows known trouble",
        retry=True,
    )
