# Installs a version beside the one that runs, as the assistant's user. Arguments: ID VERSION.
# In ~/.provisioner-upgrade are: new (the npm prefix with the new version), later program and state (what is kept).
# Killed anywhere, the same again ends the same; nothing that runs is touched.
# shellcheck shell=bash
set -euo pipefail
id=$1 version=$2
place=~/.provisioner-upgrade program=~/.npm-global/lib/node_modules/openclaw

mkdir --parents --mode 700 "$place"
# One whose connection was lost goes on for a while.
exec 9> "$place/lock"
flock --timeout 1200 9
[[ -d $program && ! -L $program && -d ~/.openclaw && ! -L ~/.openclaw ]] ||
	{ echo "the program or its state is not where a setup puts it" >&2; exit 1; }
if [[ $(cat "$place/id" 2> /dev/null) != "$id" ]]; then
	find "$place" -mindepth 1 -maxdepth 1 ! -name lock -exec rm --recursive --force {} +
	echo "$id" > "$place/id"
fi
[[ ! -e $place/new/whole ]] || exit 0
rm --recursive --force "$place/new"

kilobytes() { du --summarize --block-size 1K "$1" | cut --fields 1; }
need=$(($(kilobytes "$program") * 3 / 2 + $(kilobytes ~/.openclaw) + 262144))
free=$(df --output=avail --block-size 1K "$place" | tail --lines 1)
((free > need)) || {
	echo "No space left on device for both versions and a copy of the state: $((free / 1024)) MB are free, $((need / 1024)) MB are needed" >&2
	exit 1
}
mkdir "$place/new"
npm install --global --prefix "$place/new" --no-fund --no-audit --no-update-notifier --loglevel error \
	"openclaw@$version" > "$place/said" 2>&1 < /dev/null 9>&- || { tail --lines 5 "$place/said" >&2; exit 1; }
installed=$(node --print 'require(process.argv[1]).version' "$place/new/lib/node_modules/openclaw/package.json")
[[ $installed == "$version" ]] || { echo "installed was $installed" >&2; exit 1; }
sync --file-system "$place/new"
touch "$place/new/whole"
