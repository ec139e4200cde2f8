# Makes a backup on a customer's server, as the assistant's user, beside a running gateway, and says how large it
# is and its digest, as one line of JSON. The caller fetches ~/.provisioner-backup/backup and has the folder removed.
# shellcheck shell=bash
set -euo pipefail
umask 077
place=~/.provisioner-backup
rm --recursive --force "$place"
mkdir "$place"
trap 'code=$?; ((code == 0)) || rm --recursive --force "$place"' EXIT

need=$(du --summarize --block-size 1K ~/.openclaw | cut --fields 1)
free=$(df --output=avail --block-size 1K "$place" | tail --lines 1)
((free > need + 65536)) || {
	echo "No space left on device for a backup: $((free / 1024)) MB are free, $((need / 1024 + 64)) MB are needed" >&2
	exit 1
}
openclaw backup create --output "$place" --verify --json > "$place/said" < /dev/null
jq --exit-status '.verified == true' "$place/said" > /dev/null || { echo "openclaw did not verify its backup" >&2; exit 1; }
mv "$place"/*-openclaw-backup.tar.gz "$place/backup"
read -r digest _ < <(sha256sum "$place/backup")
printf '{"size": %s, "sha256": "%s"}\n' "$(stat --format %s "$place/backup")" "$digest"
