# As the assistant's user: the gateway does without the plugin that is ours. What else is loaded there stays so.
set -euo pipefail
ours=/usr/local/lib/openclaw/first-start
openclaw-configure <(jq --arg ours "$ours" '.plugins // {} | {plugins: ({
  load: {paths: ((.load.paths // []) - [$ours])},
  entries: {"first-start": null}
} + if .allow then {allow: (.allow - ["first-start"])} else {} end)}' ~/.openclaw/openclaw.json)
