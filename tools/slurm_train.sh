#!/usr/bin/env bash
# The script of the package, which `aepose scripts` finds as well.
exec "$(dirname "$0")/../aepose/launch/slurm_train.sh" "$@"
