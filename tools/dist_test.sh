#!/usr/bin/env bash
# The script of the package, which `aepose scripts` finds as well.
exec "$(dirname "$0")/../aepose/launch/dist_test.sh" "$@"
