# Gives the assistant's gateway the share of the memory that the playbook moltbot gives on a server of this size, as its
# user: after a resize. Nothing happens where it has it, or where there is no service.
# shellcheck shell=bash
set -euo pipefail
unit=openclaw-gateway.service
cd ~/.config/systemd/user
[[ -s $unit ]] || exit 0

total=$(sed --quiet 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
((heap = total / 2048, heap = heap < 2048 ? 2048 : heap, heap = heap > 8192 ? 8192 : heap))
((most = total * 3 / 4096, heap = heap > most ? most : heap))
! grep --quiet -- "--max-old-space-size=$heap " "$unit" || exit 0

sed "s/--max-old-space-size=[0-9]*/--max-old-space-size=$heap/" "$unit" > ".$unit"
chmod 600 ".$unit"
sync ".$unit"
mv ".$unit" "$unit"
systemctl --user daemon-reload
systemctl --user restart "$unit"
