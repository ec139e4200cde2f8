# On the machine that an image is built on, as root: what has been mended since its base image was made.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l LC_ALL=C.UTF-8
apt_get() { apt-get --quiet -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@"; }
apt_get update
upgrade() {
  apt_get upgrade --yes --no-install-recommends \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold
}
# A dpkg that was killed has to be finished before apt does anything else.
upgrade || { dpkg --configure -a && upgrade; }
apt_get autoremove --yes
