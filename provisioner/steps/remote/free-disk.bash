# Frees a server's disk of what it can do without: downloaded packages, caches, logs that were put away, and
# what an interrupted backup has left. Nothing of the assistant's own. Prints how many megabytes were freed.
set -uo pipefail
available() { df --output=avail --block-size=1MB / | tail --lines 1; }

before=$(available)
journalctl --quiet --rotate
journalctl --quiet --vacuum-size=50M
apt-get clean
find /var/log -xdev -type f \( -name '*.gz' -o -name '*.xz' -o -name '*.[0-9]' -o -name '*.old' \) -delete
find /var/lib/systemd/coredump -xdev -type f -delete
# As that user: nothing that they have put in the way leads elsewhere.
as-openclaw bash -c '
	rm --recursive --force ~/.npm/_cacache ~/.npm/_logs ~/.provisioner-backup
	find /tmp/openclaw -xdev -maxdepth 1 -type f -name "openclaw-*.log" -mtime +1 -delete
'
echo $(($(available) - before))
