#!/usr/bin/env bash
# Ends what up.sh started. Its configuration goes too: with one that nobody answers to, Snakemake starts ten seconds later.
set -u
export PATH="$PATH:/usr/sbin:/sbin"
STATE=/tmp/splatsmith-slurm

stop() {
  local pid
  pid=$(cat "$1" 2>/dev/null) && kill "$pid" 2>/dev/null || return 0
  for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.1
  done
}

[ "$(readlink /etc/slurm/slurm.conf)" = "$STATE/slurm.conf" ] || exit 0
[ ! -e "$STATE/slurmctld.pid" ] || timeout 5 scancel --user root
for _ in $(seq 100); do
  [ -e "$STATE/slurmctld.pid" ] && [ -n "$(timeout 2 squeue -h)" ] || break
  sleep 0.1
done
stop "$STATE/slurmd.pid"
stop "$STATE/slurmctld.pid"
[ ! -e "$STATE/munged.ours" ] || stop /run/munge/munged.pid
rm -f /etc/slurm/slurm.conf /etc/slurm/gres.conf /dev/toygpu0 /dev/toygpu1
rm -rf "$STATE"
