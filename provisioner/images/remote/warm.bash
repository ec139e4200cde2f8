# On the machine that an image is built on, as root: starts a gateway once, with a home that is thrown away, and has it
# answer once, from a model that stands in. What is kept is what Node compiled, in the folder that every server's gateway
# has it in: its first start and its first answer are shorter for it.
set -euo pipefail

configuration() {
  jq '. * {gateway: {mode: "local", bind: "loopback", port: 18789, auth: {mode: "token",
      token: {source: "env", provider: "default", id: "OPENCLAW_GATEWAY_TOKEN"}},
      http: {endpoints: {chatCompletions: {enabled: true}}}},
    models: {providers: {anthropic: {baseUrl: env.STAND_IN_MODEL, apiKey: "stand-in"}}},
    agents: {defaults: {skipBootstrap: true, model: {primary: "anthropic/claude-sonnet-5"}}},
    plugins: {load: {paths: ["/usr/local/lib/openclaw/first-start"]},
      entries: {anthropic: {enabled: true}, "admin-http-rpc": {enabled: true}, "first-start": {enabled: true}}},
    update: {checkOnStart: false}}' /usr/local/lib/openclaw/first.json
}

answers() {
  curl --silent --max-time 120 --header @<(printf 'Authorization: Bearer %s\n' "$token") \
    --json '{"model": "openclaw/main", "messages": [{"role": "user", "content": "Reply with exactly: READY"}]}' \
    http://127.0.0.1:18789/v1/chat/completions | jq --exit-status '.choices[0].message.content'
}

warm() {
  gateway=
  home=$(mktemp --directory /var/tmp/warm.XXXXXX)
  finish() {
    [[ -z $gateway ]] || kill "$gateway" 2> /dev/null || true
    rm --recursive --force "$home"
  }
  trap finish EXIT

  umask 077
  mkdir "$home/.openclaw"
  configuration > "$home/.openclaw/openclaw.json"
  chown --recursive openclaw: "$home"
  token=$(head --bytes 32 /dev/urandom | od --address-radix n --format x1 | tr --delete ' \n')
  cd "$home"
  setpriv --reuid openclaw --regid openclaw --init-groups -- env --ignore-environment \
    HOME="$home" USER=openclaw PATH=/usr/local/bin:/usr/bin:/bin TMPDIR="$home" \
    OPENCLAW_GATEWAY_TOKEN="$token" NODE_COMPILE_CACHE=/home/openclaw/.cache/node-compile-cache \
    /usr/local/bin/node /home/openclaw/.npm-global/lib/node_modules/openclaw/dist/index.js gateway --port 18789 \
    > "$home/log" 2>&1 &
  gateway=$!
  until curl --silent --fail --max-time 5 http://127.0.0.1:18789/readyz > /dev/null; do
    kill -0 "$gateway" 2> /dev/null || { tail --lines 5 "$home/log" >&2; exit 1; }
    ((SECONDS < 300)) || { echo "the gateway is not ready after 300 s" >&2; exit 1; }
    sleep 0.5
  done
  # One that does not answer has loaded something too.
  answers || tail --lines 5 "$home/log" >&2
  # It goes on loading for a while.
  sleep 5
  # Stopped, it writes down what it has compiled.
  kill "$gateway"
  wait "$gateway" || true
  gateway=
}

export -f configuration answers warm
/usr/local/lib/openclaw/stand-in-model bash -euo pipefail -c warm
