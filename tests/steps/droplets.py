"""What the tests of the droplet step ask again and again."""

import json
from pathlib import Path
from typing import Any

from provisioner.customers.record import Record
from provisioner.droplets.identity import same_key, tag_of
from provisioner.sandbox.cloud.state import Droplet
from provisioner.ssh.keys import public_half
from tests.clouds import FastCloud, settings_for
from tests.steps.support import MemoryWork, new_record


def new_work(cloud: FastCloud, key: Path, record: Record | None = None, **settings: Any) -> MemoryWork:
    """Work as a new process has it: with the record as it is on disk, and a client that knows nothing."""
    made = settings_for(cloud, ssh={"key": key}, droplet=settings)
    return MemoryWork(made, cloud.services(made), record or new_record(), clock=cloud.clock)


def droplets_of(cloud: FastCloud, work: MemoryWork) -> list[Droplet]:
    """Those that exist, whatever lists and tags show at the moment."""
    tag = tag_of(work.customer.id)
    return [droplet for droplet in cloud.droplets if tag in droplet.tags]


def demand_whole(cloud: FastCloud, work: MemoryWork) -> None:
    """The record describes the customer's one droplet, host key included."""
    [droplet] = droplets_of(cloud, work)
    recorded = work.customer.setup.droplet
    assert recorded.id == str(droplet.id)
    assert recorded.ip == droplet.address
    assert recorded.created == droplet.created_at
    assert recorded.name == droplet.name
    assert (recorded.region, recorded.size) == (droplet.region.slug, droplet.size.slug)
    assert same_key(recorded.host_key, installed_host_key(droplet))
    assert (work.customer.status, work.customer.setup.status) == ("in_progress", "in_progress")
    assert work.events.count("droplet_active") == 1


def installed_host_key(droplet: Droplet) -> str:
    config = json.loads(droplet.user_data.partition("\n")[2])
    return public_half(config["ssh_keys"]["ed25519_private"])
