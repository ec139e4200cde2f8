# Puts a backup, which is in ~/.provisioner-restore/backup, in the place of the assistant's state, as its user.
# Arguments: ID SHA256. The gateway is stopped and does not start with the server until the setup has gone over it.
# What was there stays in ~/.openclaw.before-ID until the next restore. Killed anywhere, the same again ends the same.
# shellcheck shell=bash
set -euo pipefail
umask 077
id=$1 digest=$2
place=~/.provisioner-restore state=~/.openclaw before=~/.openclaw.before-$1

sha256sum --check --status <<< "$digest  $place/backup" || { echo "what arrived is not the backup" >&2; exit 1; }
rm --recursive --force "$place/tree"
openclaw backup restore "$place/backup" --target "$place/tree" --json > "$place/said" < /dev/null
manifest=$(find "$place/tree" -mindepth 2 -maxdepth 2 -name manifest.json)
found=$place/tree/$(jq --raw-output '.assets[] | select(.kind == "state") | .archivePath' "$manifest")
[[ -d $found && ! -L $found && -s $found/openclaw.json ]] || { echo "the backup has no state of an assistant" >&2; exit 1; }

# A server to which a customer moves has no service and no state yet.
if [[ -e ~/.config/systemd/user/openclaw-gateway.service ]]; then
	systemctl --user disable --now openclaw-gateway.service
fi
find ~ -maxdepth 1 -name '.openclaw.before-*' ! -name ".openclaw.before-$id" -exec rm --recursive --force {} +
if [[ -e $before ]]; then
	# An earlier try came this far: nobody has talked to what it has put there.
	rm --recursive --force "$state"
elif [[ -e $state ]]; then
	mv --no-target-directory "$state" "$before"
fi
mv --no-target-directory "$found" "$state"
sync --file-system "$state"
rm --recursive --force "$place"
