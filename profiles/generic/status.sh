#!/usr/bin/env bash
# The state of a Slurm job, in the words that Snakemake knows.
set -euo pipefail
state=$(scontrol show job "$1" 2>/dev/null | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p' | head -n 1)
case "$state" in
  COMPLETED) echo success ;;
  PENDING | RUNNING | CONFIGURING | COMPLETING | SUSPENDED) echo running ;;
  *) echo failed ;;
esac
