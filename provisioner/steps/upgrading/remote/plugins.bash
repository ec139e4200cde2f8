# Brings the plugins of OpenClaw's own that were installed from npm, as those of channels are, to the version of the
# program, as the assistant's user; the gateway is stopped. Argument: VERSION. One that has no such version stays.
# Killed anywhere, the same again ends the same.
# shellcheck shell=bash
set -euo pipefail
shopt -s nullglob
version=$1

exec 9> ~/.provisioner-upgrade/lock
flock --timeout 1200 9
for package in ~/.openclaw/npm/projects/*/node_modules/@openclaw/*/package.json; do
	jq --raw-output .name "$package"
done | sort --unique | while read -r name; do
	if ! said=$(npm view --json "$name@$version" version 2> /dev/null < /dev/null); then
		code=$(jq --raw-output '.error.code? // ""' <<< "$said" 2> /dev/null) || code=
		[[ $code == E404 || $code == ETARGET ]] || { echo "npm cannot be asked for $name@$version" >&2; exit 1; }
		continue
	fi
	timeout 900 openclaw plugins update "$name@$version" > ~/.provisioner-upgrade/said 2>&1 < /dev/null 9>&- ||
		{ echo "$name@$version cannot be installed" >&2; tail --lines 5 ~/.provisioner-upgrade/said >&2; exit 1; }
done
