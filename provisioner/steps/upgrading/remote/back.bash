# Puts back what was kept, the program and its state, as the assistant's user; the gateway is stopped.
# Arguments: ID VERSION, the one that comes back. Where nothing was replaced nothing changes.
# Killed anywhere, the same again ends the same.
# shellcheck shell=bash
set -euo pipefail
umask 077
id=$1 version=$2
place=~/.provisioner-upgrade prefix=~/.npm-global
program=$prefix/lib/node_modules/openclaw

# It is removed when everything is back, or was never needed.
[[ -e $place/id ]] || exit 0
exec 9> "$place/lock"
flock --timeout 1200 9
[[ $(cat "$place/id") == "$id" ]] || { echo "what was kept is not of this upgrade" >&2; exit 1; }
if [[ -d $place/program ]]; then
	rm --recursive --force "$place/program.refused"
	[[ ! -e $program ]] || mv --no-target-directory "$program" "$place/program.refused"
	mv --no-target-directory "$place/program" "$program"
fi
[[ ! -L $place/link ]] || cp --no-dereference --remove-destination "$place/link" "$prefix/bin/openclaw"
# Last: with the state in its place nothing of this is done again.
if [[ -d $place/state ]]; then
	rm --recursive --force "$place/state.refused"
	[[ ! -e ~/.openclaw ]] || mv --no-target-directory ~/.openclaw "$place/state.refused"
	mv --no-target-directory "$place/state" ~/.openclaw
fi
rm --force "$prefix"/.whole-*
touch "$prefix/.whole-$version"
sync --file-system "$program"
