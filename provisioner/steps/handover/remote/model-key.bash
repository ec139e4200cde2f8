# As the assistant's user: the key for the model, which is in a file that the configuration names.
#   put MARK  the one on standard input is in use, and no other is there
#   drop      none is there; prints where the configuration looks for one
set -euo pipefail
umask 077
folder=~/.openclaw/secrets

no_other() { # than the one of this name
  find "$folder" -name 'model-*' ! -name "$1" -delete
  ! grep --quiet '^ANTHROPIC_API_KEY=' ~/.openclaw/.env || openclaw-secret drop ANTHROPIC_API_KEY <<< ""
}

case $1 in
  put)
    file=$folder/model-$2
    IFS= read -r key
    printf '%s' "$key" > "$file.new"
    sync "$file.new"
    mv "$file.new" "$file"
    openclaw-configure <(jq --null-input --arg path "$file" '{secrets: {providers: {model_key:
      {source: "file", path: $path, mode: "singleValue"}}}}')
    no_other "model-$2"
    ;;
  drop)
    no_other nothing
    jq --raw-output '.secrets.providers.model_key.path // empty' ~/.openclaw/openclaw.json
    ;;
esac
