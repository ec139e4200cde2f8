# As root: who may log in, by root's own file, which is the old one or the new one at any moment.
#   add LINE           this public key may
#   remove LINE KEPT   this one may not any more, if the other one may
set -euo pipefail
umask 077
file=~/.ssh/authorized_keys
blob() { printf '%s' "$1" | cut --delimiter ' ' --fields 2; }
may() { grep --quiet --fixed-strings --word-regexp --regexp "$1" "$file"; }
put() {
  cat > "$file.new"
  sync "$file.new"
  mv "$file.new" "$file"
}

[[ -e $file ]] || { mkdir --parents ~/.ssh && : > "$file"; }
key=$(blob "$2")
case $1 in
  add) may "$key" || { cat "$file" && printf '%s\n' "$2"; } | put ;;
  remove)
    may "$(blob "$3")" || { echo "the other key may not log in: nobody could any more" >&2; exit 1; }
    ! may "$key" || { grep --invert-match --fixed-strings --word-regexp --regexp "$key" "$file" || true; } | put
    ;;
esac
