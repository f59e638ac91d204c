#!/usr/bin/env bash
# The state of a Slurm job, in the words that Snakemake knows.
set -euo pipefail
if ! told=$(scontrol show job "$1" 2>&1); then
  case "$told" in
    *"Invalid job id"*) echo failed ;; # Slurm forgets jobs minutes after their end
    *) echo running ;;                 # it does not answer just now, which is no reason to end the whole run
  esac
  exit
fi
case "$(sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p' <<<"$told")" in
  COMPLETED) echo success ;;
  PENDING | RUNNING | CONFIGURING | COMPLETING | SUSPENDED) echo running ;;
  *) echo failed ;;
esac
