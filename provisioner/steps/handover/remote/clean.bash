# As root, on a server that is handed over: takes away what is ours, and gives what the assistant needs of it another
# name. Run again after it was killed it goes on: it needs none of what it deletes.
# Argument: where the server's files begin; nothing but for tests.
set -euo pipefail
root=${1-}
home=$root/home/openclaw

as_its_user() { # what lies in its home is deleted by it: no link there leads root anywhere
  if [[ -n $root ]]; then
    HOME=$home bash -c "$1"
  else
    runuser --user openclaw -- env HOME="$home" bash -c "$1"
  fi
}

rename() { # FOLDER FROM TO
  [[ ! -e $root/$1/$2 ]] || mv "$root/$1/$2" "$root/$1/$3"
}

# What runs of ours, and what it has left.
systemctl stop 'provisioner-*' || true
rm --recursive --force "$root/var/lib/provisioner" "$root/run/provisioner" "$root/etc/provisioner"

# Programs for us, and what they are made from.
for program in as-openclaw hear-openclaw openclaw-answers openclaw-audit openclaw-gateway openclaw-report openclaw-warm \
  own-terminal telegram-requests; do
  rm --force "$root/usr/local/sbin/$program"
done
for program in openclaw openclaw-configure openclaw-rpc openclaw-secret; do
  rm --force "$root/usr/local/bin/$program"
done
rm --recursive --force "$root/usr/local/lib/openclaw"

# What keeps the server as safe as it was stays, under names that are not ours.
rename etc/systemd/user/openclaw-gateway.service.d provisioner.conf gateway.conf
rename etc/apt/apt.conf.d 52provisioner-reboot 52reboot
rename etc/ssh/sshd_config.d 00-provisioner.conf 00-keys-only.conf
rm --force "$root/etc/ssh/provisioner.loaded"
rules=$root/etc/nftables.conf
if [[ -e $rules ]] && grep --quiet provisioner "$rules"; then
  sed --expression '/^# Written by the provisioner/d' --expression 's/\<provisioner\>/server/' "$rules" > "$rules.new"
  nft --file "$rules.new"
  mv "$rules.new" "$rules"
fi
# With both for a moment nothing more comes in than with one.
! nft list table inet provisioner > /dev/null 2>&1 || nft delete table inet provisioner

# What the first boot was told, with the host key that it began with. The cloud itself goes on knowing it.
[[ ! -d $root/var/lib/cloud ]] || find "$root/var/lib/cloud" -path "$root/var/lib/cloud/seed" -prune -o -type f \
  \( -name 'user-data*' -o -name 'vendor-data*' -o -name 'vendor2-data*' -o -name cloud-config.txt -o -name obj.pkl \) \
  -exec rm --force {} +
rm --force "$root"/var/log/cloud-init.log* "$root"/var/log/cloud-init-output.log*

# Who has been here as root.
rm --recursive --force "$root"/root/.bash_history "$root"/root/.cache "$root"/root/.npm "$root"/root/.wget-hsts \
  "$root"/root/.ssh/known_hosts* "$root"/tmp/openclaw/*.log

as_its_user 'rm --recursive --force ~/.bash_history ~/.claude ~/.npm ~/.provisioner-backup ~/.provisioner-restore \
  ~/.openclaw.before-* ~/.openclaw/openclaw.json.bak* ~/.openclaw/*.migrated-* ~/.openclaw/clawdbot.json \
  ~/.openclaw/.gateway-token* ~/.openclaw/.env.new ~/.openclaw/agents/*/agent/*.migrated-*'
# What was deleted stays so when the power fails; of a test's machine that is not ours to ask.
[[ -n $root ]] || sync
