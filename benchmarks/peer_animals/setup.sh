#!/usr/bin/env bash
# Set up sleap-nn 0.3 in an environment of its own: benchmarks/peer_animals/setup.sh [FOLDER]
#
# It is the environment of the tracking benchmark, in which sleap-nn trains, too.
exec "$(dirname "$0")/../peer_tracking/setup.sh" "$@"
