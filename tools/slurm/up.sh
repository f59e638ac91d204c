#!/usr/bin/env bash
# A Slurm of one node on this machine, for trying and testing: no systemd, no cgroups, no accounting. down.sh ends it.
# The node claims 16 processors, 128 GB and two GPUs, whatever the machine has, for nothing is enforced.
# Where it cannot start, it says why and ends with 77. Tried with Debian 12 (Slurm 22.05).
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
HERE=$(cd "$(dirname "$0")" && pwd)
STATE=/tmp/splatsmith-slurm
unset "${!SLURM_@}"

cannot() {
  echo "no Slurm of our own here: $1" >&2
  exit 77
}

configure() {
  local host gpu
  host=$(hostname -s)
  mkdir -p "$STATE"/{state,spool,log}
  cat >"$STATE/slurm.conf" <<CONF
ClusterName=splatsmith
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$STATE/state
SlurmdSpoolDir=$STATE/spool
SlurmctldPidFile=$STATE/slurmctld.pid
SlurmdPidFile=$STATE/slurmd.pid
SlurmctldLogFile=$STATE/log/slurmctld.log
SlurmdLogFile=$STATE/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=5,bf_interval=5,batch_sched_delay=0
MinJobAge=600
KillWait=5
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=16 RealMemory=131072 Gres=gpu:toy:2 State=UNKNOWN
PartitionName=gpu Nodes=$host Default=YES
PartitionName=cpu Nodes=$host
CONF
  : >"$STATE/gres.conf"
  for gpu in 0 1; do # a card must be a device of its own; these are further null devices
    [ -e "/dev/toygpu$gpu" ] || mknod "/dev/toygpu$gpu" c 1 3 || cannot "root may not make devices"
    echo "NodeName=$host Name=gpu Type=toy File=/dev/toygpu$gpu" >>"$STATE/gres.conf"
  done
  # Not through SLURM_CONF: Snakemake's plugin takes SLURM_* out of a job's environment.
  mkdir -p /etc/slurm
  ln -sf "$STATE/slurm.conf" "$STATE/gres.conf" /etc/slurm/
}

wait_for() {
  for _ in $(seq 100); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  echo "Slurm did not start: $*" >&2
  tail -n 20 "$STATE"/log/*.log >&2
  return 1
}
munge_works() { timeout 1 munge -n | timeout 1 unmunge; }
node_works() { timeout 2 sinfo -h -o %T | grep -qE '^(idle|mixed|allocated)'; }

start_munge() {
  munge_works >/dev/null 2>&1 && return
  install -d -o munge -g munge -m 0755 /run/munge
  runuser -u munge -- munged --force
  touch "$STATE/munged.ours"
  wait_for munge_works
}

[ "$(id -u)" = 0 ] || cannot "you are not root"
for program in slurmctld slurmd sbatch munged; do
  command -v "$program" >/dev/null || cannot "$program is not installed; ./run test-slurm installs it"
done
if [ -e /etc/slurm/slurm.conf ] && [ "$(readlink /etc/slurm/slurm.conf)" != "$STATE/slurm.conf" ]; then
  cannot "this machine belongs to another one, see /etc/slurm/slurm.conf"
fi
"$HERE/down.sh"
trap '[ $? = 0 ] || "$HERE/down.sh"' EXIT
configure
start_munge
slurmctld -i
slurmd
wait_for node_works
sinfo -o '%P %T %c processors %m MB %G'
