# What npm has of a version, and whether the server's Node can run it, as one line of JSON, as the assistant's user.
# Argument: VERSION. Fails where npm cannot be asked.
# shellcheck shell=bash
set -euo pipefail
if ! said=$(npm view --json "openclaw@$1" version engines.node 2> /dev/null < /dev/null); then
	code=$(jq --raw-output '.error.code? // ""' <<< "$said" 2> /dev/null) || code=
	[[ $code == E404 || $code == ETARGET ]] || { echo "npm cannot be asked for openclaw@$1${code:+: $code}" >&2; exit 1; }
	said=
fi
[[ -n $said && $(jq --raw-output .version <<< "$said") == "$1" ]] || { echo '{"published": false}'; exit; }
# npm's own rules for what fits.
semver=$(dirname "$(readlink --canonicalize "$(command -v npm)")")/../node_modules/semver
jq --compact-output --arg node "$(node --version)" --arg fits "$(
	node --print 'require(process.argv[1]).satisfies(process.version, process.argv[2])' \
		"$semver" "$(jq --raw-output '.["engines.node"] // "*"' <<< "$said")" 2> /dev/null
)" '{published: true, needs: (.["engines.node"] // "*"), node: $node, fits: ($fits != "false")}' <<< "$said"
