"""The droplets against the records, both ways: what is gone, doubled, unknown, or not as recorded."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from provisioner.commands import command
from provisioner.customers.record import Customer
from provisioner.doctor.findings import GONE, Findings
from provisioner.services.cloud_models import DropletInfo
from provisioner.steps.droplet_identity import FLEET_TAG, same_key, stated_host_key, tag_of


def compare(
    here: Sequence[Customer],
    archived: Sequence[Customer],
    droplets: Mapping[str, DropletInfo],
    found: Findings,
) -> None:
    """Note each difference, of every customer and of every droplet."""
    customers = [*here, *archived]
    # Of the archived, only a droplet that is still there is of interest.
    left = [one for one in archived if one.setup.droplet.id in droplets]
    owners = {one.setup.droplet.id: one for one in (*here, *left) if one.setup.droplet.id}
    _look_for_doubles(customers, droplets, found)
    for droplet_id, customer in owners.items():
        for problem, hint in _differences(customer, droplets.get(droplet_id)):
            found.note("droplet", customer.email, problem, hint)
    by_tag = {tag_of(one.id): one for one in customers}
    for droplet in droplets.values():
        if droplet.id not in owners:
            owner = next((by_tag[tag] for tag in droplet.tags if tag in by_tag), None)
            found.note("droplet", droplet.id, *_unknown(droplet, owner))


def _look_for_doubles(
    customers: Sequence[Customer], droplets: Mapping[str, DropletInfo], found: Findings
) -> None:
    tagged: dict[str, list[str]] = defaultdict(list)
    for droplet in droplets.values():
        for tag in droplet.tags:
            tagged[tag].append(droplet.id)
    for customer in customers:
        theirs = tagged.get(tag_of(customer.id), [])
        if len(theirs) > 1:
            adopt = command("adopt", customer.email, "ID")
            hint = f"{adopt}, and delete the others in the control panel"
            found.note("droplet", customer.email, f"has several droplets: {', '.join(sorted(theirs))}", hint)


def _differences(customer: Customer, droplet: DropletInfo | None) -> Iterator[tuple[str, str]]:
    """Where the record and its droplet do not agree, and what to do."""
    recorded = customer.setup.droplet

    def setting(name: str, value: str) -> str:
        return command("update", customer.email, f"setup.droplet.{name}", value)

    if droplet is None:
        if customer.status not in GONE:
            yield f"droplet {recorded.id} is gone", command("rebuild", customer.email)
        return
    if customer.status in GONE:
        yield (
            f"is {customer.status}, and droplet {droplet.id} still costs money",
            "delete it, or hand it over",
        )
    if recorded.ip and droplet.public_ipv4 != recorded.ip:
        now = droplet.public_ipv4 or "none"
        yield (
            f"the address of droplet {droplet.id} is {now}, the record has {recorded.ip}",
            setting("ip", now),
        )
    missing = [tag for tag in (tag_of(customer.id), FLEET_TAG) if tag not in droplet.tags]
    if missing:
        hint = "put it on in the control panel: it is how the droplet and its firewall are found"
        yield f"droplet {droplet.id} lacks the tag {' and '.join(missing)}", hint
    stated = stated_host_key(droplet.tags, droplet.name)
    if stated and not recorded.host_key_renewed and not same_key(stated, recorded.host_key):
        hint = f"compare both with the droplet's console, then {setting('hostKey', 'ssh-ed25519 AAAA…')}"
        yield f"the record has another host key than droplet {droplet.id} was made with", hint


def _unknown(droplet: DropletInfo, owner: Customer | None) -> tuple[str, str]:
    what = f"no record has this droplet ({droplet.name}, created {droplet.created_at})"
    if owner is None:
        return what, "delete it in the control panel, or provisioner adopt EMAIL " + droplet.id
    recorded = owner.setup.droplet.id or "none"
    hint = f"{command('adopt', owner.email, droplet.id)}, or delete it in the control panel"
    return f"{what}; its tag says {owner.email}, whose record has {recorded}", hint
