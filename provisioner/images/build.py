"""Building an image: a droplet of its own, the playbooks that are the same for all, cleaned, kept, destroyed.

Each effect is written down first, and what a kill leaves is gone on with by the same command: the builder is
found again as a customer's droplet is, and there is never a second one. A builder of which it is not certain
that it was cleaned whole is destroyed, and another one takes its place.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.droplets.keeper import Wanted
from provisioner.droplets.machine import Machine, OpenMachine, open_machine
from provisioner.droplets.request import DropletRequest
from provisioner.errors import CloudError, ProvisionerError, RemoteError
from provisioner.failpoints import failpoint
from provisioner.images.builder import WHOM, BuildersDroplet
from provisioner.images.building import BuildFile, Building
from provisioner.images.choice import age_in_days, fitting_images
from provisioner.images.naming import image_name, image_tag, own_images
from provisioner.images.recipe import Recipe, read_recipe, server_script
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.errors import CloudCallError, NotFound
from provisioner.services.digitalocean.models import Snapshot
from provisioner.settings import Settings
from provisioner.ssh.connection import Host
from provisioner.ssh.keys import operator_key
from provisioner.timestamps import now, present
from provisioner.workspace import Workspace

FRESH_DAYS = 30
"""An older image lacks a month of security updates: it is used, and building it again is advised."""
_WARM_SECONDS = 400.0
_REFRESH_SECONDS = 1800.0
_OFF_SECONDS = 600.0
_SNAPSHOT_SECONDS = 3600.0
_LOOK_SECONDS = 5.0
_SNAPSHOT_REQUESTS = 2
_RECONNECT_SECONDS = 20.0


@dataclass(frozen=True)
class Built:
    """The image that is there now; not `new` if an earlier one still does. `seconds` is how long it took."""

    snapshot: Snapshot
    new: bool
    seconds: float


class ImageBuild:
    """The image builds of one workspace."""

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        cloud: DigitalOcean,
        say: Callable[[str], None],
        *,
        clock: Clock = SYSTEM_CLOCK,
        opened: OpenMachine = open_machine,
    ) -> None:
        """`opened` connects to the builder."""
        self._workspace = workspace
        self._settings = settings
        self._cloud = cloud
        self._say = say
        self._clock = clock
        self._opened = opened
        self._search = [workspace.playbooks_dir]
        self.file = build_file(workspace)

    def build(self, region: str | None = None, *, again: bool = False) -> Built:
        """Build an image for this region, or go on with the one that was begun.

        One that was made of the same things less than `FRESH_DAYS` ago does, unless `again` is said.
        BusyError while another process builds; ProvisionerError for what failed: the same command goes on.
        """
        began = self._clock.monotonic()
        region = region or self._settings.droplet.region
        with self.file.claim("build an image"):
            recipe = read_recipe(self._settings, self._search)
            begun = self.file.read()
            if begun is not None and not self._is_wanted(begun, recipe, region):
                self._give_up(begun)
                begun = None
            if begun is None:
                there = None if again else self._there(recipe, region)
                if there is not None:
                    return Built(there, new=False, seconds=self._clock.monotonic() - began)
                begun = self._begin(recipe, region)
            snapshot = self._through(self._keeper(begun), recipe)
            return Built(snapshot, new=True, seconds=self._clock.monotonic() - began)

    def _is_wanted(self, begun: Building, recipe: Recipe, region: str) -> bool:
        wanted = (recipe.base, recipe.digest, region, self._settings.droplet.size)
        return (begun.base, begun.digest, begun.region, begun.size) == wanted

    def _there(self, recipe: Recipe, region: str) -> Snapshot | None:
        """The newest that still does."""
        images = fitting_images(
            own_images(self._cloud.snapshots(), self._workspace.mark()), recipe.digest, region, None
        )
        return next(
            (one.snapshot for one in images if age_in_days(one.snapshot, present()) < FRESH_DAYS), None
        )

    def _begin(self, recipe: Recipe, region: str) -> Building:
        name = image_name(recipe.base, recipe.digest, present(), self._workspace.mark())
        begun = Building(name, recipe.digest, recipe.base, region, self._settings.droplet.size)
        self.file.write(begun)
        return begun

    def _keeper(self, begun: Building) -> BuildersDroplet:
        mark = self._workspace.mark()
        return BuildersDroplet(begun, self.file, self._settings, self._cloud, mark, self._clock, self._say)

    def _through(self, keeper: BuildersDroplet, recipe: Recipe) -> Snapshot:
        if keeper.building.snapshot_id is None:
            if keeper.building.snapshot_asked_at is None:
                self._prepare(keeper, recipe)
            self._keep(keeper)
        snapshot = self._snapshot_named(keeper)
        keeper.destroy()
        keeper.forget()
        return snapshot

    def _prepare(self, keeper: BuildersDroplet, recipe: Recipe) -> None:
        """Have the builder there, with everything on it that belongs into the image, clean and off."""
        if keeper.building.cleaning_since is not None:
            self._clean_again(keeper)
        else:
            wanted = Wanted(keeper.building.region, keeper.building.size, recipe.base)
            droplet = DropletRequest(keeper, lambda: wanted).active()
            keeper.write(address=droplet.public_ipv4)
            with self._open(keeper, self._settings.droplet.ssh_seconds) as machine:
                machine.apply(recipe.variables)
                self._warm(machine)
                self._say("installing what has been mended since the base image was made")
                machine.run(server_script("refresh.bash"), timeout=_REFRESH_SECONDS)
                keeper.write(cleaning_since=now())
                self._clean(machine)
        self._await_off(keeper)

    def _warm(self, machine: Machine) -> None:
        """Without what Node has compiled an image is as good, but slower at its first start and answer."""
        self._say("having a gateway answer once, for what Node compiles")
        try:
            machine.run(server_script("warm.bash"), timeout=_WARM_SECONDS)
        except RemoteError as error:
            self._say(f"the image is without what Node compiles: {error.cause}")

    def _clean(self, machine: Machine) -> None:
        self._say("cleaning the builder")
        failpoint("before clean the builder")
        machine.detach(server_script("clean.bash"))
        failpoint("after clean the builder")

    def _clean_again(self, keeper: BuildersDroplet) -> None:
        """Whether an earlier run came to it is not known; if it did, nobody can log in any more."""
        if self._status(keeper) == "active":
            with suppress(RemoteError), self._open(keeper, _RECONNECT_SECONDS) as machine:
                self._clean(machine)

    def _open(self, keeper: BuildersDroplet, deadline: float) -> AbstractContextManager[Machine]:
        ssh, building = self._settings.ssh, keeper.building
        assert building.address, "the builder has arrived"
        assert building.host_key, "a request writes its host key down"
        key = operator_key(ssh.key).private
        host = Host(building.address, (building.host_key,), key, ssh.port, owner=WHOM)
        return self._opened(host, self._search, deadline, self._say)

    def _await_off(self, keeper: BuildersDroplet) -> None:
        """It switches itself off when it is clean; one that does not is of no use."""
        deadline = self._clock.monotonic() + _OFF_SECONDS
        while self._status(keeper) != "off":
            if self._clock.monotonic() >= deadline:
                words = self._last_words(keeper)
                keeper.destroy()
                keeper.forget()
                cause = f"it did not switch itself off within {_OFF_SECONDS:.0f} s, and was destroyed{words}"
                raise RemoteError("clean the builder", whom=WHOM, cause=cause, hint=_AGAIN, retry=True)
            self._clock.sleep(self._settings.droplet.poll_seconds)

    def _last_words(self, keeper: BuildersDroplet) -> str:
        """Why it is still on, if it lets anybody in who could see that."""
        with suppress(RemoteError), self._open(keeper, _RECONNECT_SECONDS) as machine:
            return f": {machine.last_words()}"
        return ""

    def _status(self, keeper: BuildersDroplet) -> str:
        droplet_id = keeper.building.droplet_id
        assert droplet_id, "the builder is there before it is cleaned"
        try:
            return self._cloud.droplet(droplet_id).status
        except NotFound:
            raise keeper.gone() from None

    def _keep(self, keeper: BuildersDroplet) -> None:
        """Take the snapshot, once; the tag that goes on last makes it an image."""
        for _ in range(_SNAPSHOT_REQUESTS):
            if keeper.building.snapshot_asked_at is None:
                self._say("taking the snapshot")
                keeper.write(snapshot_asked_at=now())
                self._ask_for_snapshot(keeper)
            if self._is_taken(keeper):
                break
        else:
            raise _no_snapshot("it was asked for, and never begun")
        snapshot = self._snapshot_named(keeper)
        self._cloud.tag_snapshot(snapshot.id, image_tag(keeper.mark))
        keeper.write(snapshot_id=snapshot.id)

    def _ask_for_snapshot(self, keeper: BuildersDroplet) -> None:
        building = keeper.building
        assert building.droplet_id, "the builder is there"
        try:
            self._cloud.take_snapshot(building.droplet_id, building.name)
        except CloudCallError as error:
            if not error.report.sent:
                keeper.write(snapshot_asked_at=None)
                raise
            self._say(f"it is not certain whether the snapshot is being taken: {error.cause}")

    def _is_taken(self, keeper: BuildersDroplet) -> bool:
        """Wait for its end, as the droplet's actions tell; False if after a whole window none was begun."""
        began = self._clock.monotonic()
        while (status := self._snapshot_status(keeper)) != "completed":
            passed = self._clock.monotonic() - began
            if status == "errored":
                keeper.write(snapshot_asked_at=None)
                raise _no_snapshot("DigitalOcean could not take it")
            if status is None and passed >= self._settings.droplet.settle_seconds:
                keeper.write(snapshot_asked_at=None)
                return False
            if passed >= _SNAPSHOT_SECONDS:
                raise _no_snapshot(f"it is not there after {passed:.0f} s")
            self._say(f"taking the snapshot: {passed:.0f} s")
            self._clock.sleep(_LOOK_SECONDS)
        return True

    def _snapshot_status(self, keeper: BuildersDroplet) -> str | None:
        """Of the builder's newest snapshot; None if none was begun. With the builder it has ended."""
        droplet_id = keeper.building.droplet_id
        assert droplet_id, "the builder is there"
        try:
            actions = self._cloud.actions_of(droplet_id)
        except NotFound:
            return "completed"
        return next((one.status for one in actions if one.type == "snapshot"), None)

    def _snapshot_named(self, keeper: BuildersDroplet) -> Snapshot:
        """A new one may be missing from the list for a while."""
        deadline = self._clock.monotonic() + self._settings.droplet.settle_seconds
        while True:
            named = [one for one in self._cloud.snapshots() if one.name == keeper.building.name]
            if named:
                return max(named, key=lambda one: one.created_at)
            if self._clock.monotonic() >= deadline:
                self._forget_lost(keeper)
                raise _no_snapshot("it is not in the account")
            self._clock.sleep(_LOOK_SECONDS)

    def _forget_lost(self, keeper: BuildersDroplet) -> None:
        """Somebody has deleted it, or the builder before it was taken: there is nothing to go on with."""
        keeper.destroy()
        keeper.forget()

    def _give_up(self, begun: Building) -> None:
        """What was begun is not what is wanted now. A snapshot that is being taken is waited for."""
        self._say("giving up an image that was begun of other playbooks, versions or settings")
        keeper = self._keeper(begun)
        if begun.snapshot_asked_at is not None and begun.snapshot_id is None:
            with suppress(ProvisionerError):
                self._is_taken(keeper)
        keeper.destroy()
        keeper.forget()


def build_file(workspace: Workspace) -> BuildFile:
    """Where a workspace writes down what is being built."""
    return BuildFile(workspace.state_dir / "image")


_AGAIN = "run the same command again"


def _no_snapshot(cause: str) -> CloudError:
    return CloudError("take the snapshot", whom=WHOM, cause=cause, hint=_AGAIN, retry=True)
