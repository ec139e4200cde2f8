# Whether the version that was prepared can read the state as it is, as one line of JSON, as the assistant's user. It only
# looks: a version that is older than what has written the state opens nothing that it does not know.
# shellcheck shell=bash
set -euo pipefail
program=~/.provisioner-upgrade/new/lib/node_modules/openclaw/openclaw.mjs
said=$(timeout 120 node "$program" config validate --json 2> /dev/null < /dev/null) && ended=0 || ended=$?
((ended != 124)) || { echo "it did not say within two minutes whether it can read the state" >&2; exit 1; }
jq --compact-output --argjson ended "$ended" \
	'{reads: ($ended == 0), why: (.error.message? // "" | split("\n")[0:2] | join(" "))[0:300]}' <<< "${said:-{\}}"
