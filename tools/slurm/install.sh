#!/usr/bin/env bash
# Installs the Slurm that up.sh starts. Where that cannot be, says what is needed and ends with 77.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
PACKAGES=(slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge)

cannot() {
  echo "no Slurm for tests here: $1" >&2
  echo "It takes root, and on Debian or Ubuntu: apt-get install --no-install-recommends ${PACKAGES[*]}" >&2
  exit 77
}

is_there() {
  local program
  for program in slurmctld slurmd sbatch munged; do
    command -v "$program" >/dev/null || return 1
  done
}

[ "$(id -u)" = 0 ] || cannot "you are not root"
! is_there || exit 0
command -v apt-get >/dev/null || cannot "there is no apt-get to install it with"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >&2 || true # what is known already may do
apt-get install -y -q --no-install-recommends "${PACKAGES[@]}" >&2 || cannot "apt-get could not install it"
is_there || cannot "a program is still missing"
