#!/bin/sh
# Run a command in a network namespace that has loopback alone: unshare --net tests/alone.sh COMMAND...
set -e
ip link set lo up
exec "$@"
