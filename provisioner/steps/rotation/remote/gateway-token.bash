# On a customer's server, as the assistant's user: another token in the place of the gateway's. None of them leaves it.
#   renew   the old one is kept aside, and another one is where the gateway reads it at its start
#   prove   what the gateway answers to who has the one and the other, as JSON: {"new": "200", "old": "401"}
#   forget  the old one is deleted
set -euo pipefail
umask 077
cd ~/.openclaw
old=.gateway-token.old

current() { sed --quiet 's/^OPENCLAW_GATEWAY_TOKEN=//p' .env; }

keep() {
  [[ ! -s $old ]] || return 0
  current > $old.new
  [[ -s $old.new ]] || { echo "the gateway has no token" >&2; exit 1; }
  sync $old.new
  mv $old.new $old
}

answer_to() { # TOKEN; it is in no argument list
  curl --silent --max-time 20 --output /dev/null --write-out '%{http_code}' \
    --header @<(printf 'Authorization: Bearer %s\n' "$1") --header 'Content-Type: application/json' \
    --data '{"method": "health", "params": {}}' http://127.0.0.1:18789/api/v1/admin/rpc || true
}

case $1 in
  renew)
    keep
    [[ $(current) != "$(< $old)" ]] ||
      head --bytes 32 /dev/urandom | od --address-radix n --format x1 | tr --delete ' \n' |
      openclaw-secret put OPENCLAW_GATEWAY_TOKEN
    ;;
  prove) printf '{"new": "%s", "old": "%s"}\n' "$(answer_to "$(current)")" "$(answer_to "$(< $old)")" ;;
  forget) rm --force $old $old.new ;;
esac
