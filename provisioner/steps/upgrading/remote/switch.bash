# Puts the version that was prepared in the place of the one that is there, as the assistant's user; the gateway is
# stopped. Arguments: ID VERSION. What was there is kept: the program, and a copy of the state as it is now.
# Killed anywhere, the same again ends the same.
# shellcheck shell=bash
set -euo pipefail
umask 077
id=$1 version=$2
place=~/.provisioner-upgrade prefix=~/.npm-global
program=$prefix/lib/node_modules/openclaw

exec 9> "$place/lock"
flock --timeout 1200 9
[[ $(cat "$place/id") == "$id" && -e $place/new/whole ]] || { echo "the new version is not there" >&2; exit 1; }
if [[ ! -e $place/state ]]; then
	rm --recursive --force "$place/state.part"
	cp --archive --reflink=auto ~/.openclaw "$place/state.part"
	sync --file-system "$place/state.part"
	mv --no-target-directory "$place/state.part" "$place/state"
fi
[[ -e $place/link ]] || cp --no-dereference "$prefix/bin/openclaw" "$place/link"
[[ -e $place/program ]] || mv --no-target-directory "$program" "$place/program"
[[ -e $program ]] || mv --no-target-directory "$place/new/lib/node_modules/openclaw" "$program"
cp --no-dereference --remove-destination "$place/new/bin/openclaw" "$prefix/bin/openclaw"
rm --force "$prefix"/.whole-*
touch "$prefix/.whole-$version"
sync --file-system "$program"
