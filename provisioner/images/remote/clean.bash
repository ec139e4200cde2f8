# On the machine that an image is built on, as root, in a unit of its own: takes away what is this machine's alone,
# and switches it off. It stays on if anything fails: off means clean.
set -euo pipefail

# Nothing of a customer's, and no identity of a gateway, was ever made here.
if [[ -e /home/openclaw/.openclaw ]]; then
  echo "there is a ~/.openclaw, which must not be in an image" >&2
  exit 1
fi

# Nobody changes anything any more.
systemctl stop apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service
systemctl stop unattended-upgrades.service cron.service 2> /dev/null || true
uid=$(id --user openclaw)
systemctl stop "user@$uid.service" 2> /dev/null || true

# What was only needed to install.
apt-get clean
rm --recursive --force /var/lib/apt/lists/* /home/openclaw/.npm /root/.npm
if [[ -e /swapfile ]]; then
  # What was swapped out here is nobody's business: a fresh one has no content.
  size=$(stat --format %s /swapfile)
  swapoff /swapfile || true
  rm --force /swapfile
  (umask 077 && fallocate --length "$size" /swapfile)
  mkswap /swapfile
fi

# Who has been here, and how to get in.
rm --recursive --force /var/lib/provisioner /root/.ssh/authorized_keys /root/.ssh/known_hosts \
  /home/openclaw/.ssh /root/.bash_history /home/openclaw/.bash_history /root/.cache /root/.wget-hsts
rm --force /etc/ssh/ssh_host_*

# Who this machine is: the next one is told anew.
rm --recursive --force /var/lib/cloud/instance /var/lib/cloud/instances /var/lib/cloud/data /var/lib/cloud/sem \
  /var/lib/cloud/seed /run/cloud-init
rm --force /var/lib/systemd/random-seed /var/lib/systemd/credential.secret /var/lib/dhcp/*.leases
truncate --size 0 /etc/machine-id
[[ ! -f /var/lib/dbus/machine-id || -L /var/lib/dbus/machine-id ]] || rm --force /var/lib/dbus/machine-id

find /tmp /var/tmp -mindepth 1 -maxdepth 1 ! -name 'systemd-private-*' -exec rm --recursive --force {} +
# From here on it logs to memory.
journalctl --relinquish-var
rm --recursive --force /var/log/journal/*
find /var/log -type f \( -name '*.gz' -o -name '*.[0-9]' \) -delete
find /var/log -type f -exec truncate --size 0 {} +
sync
systemctl poweroff --no-block
