#!/usr/bin/env bash
# Print what a tag names now, by its digest.
#   pin.sh HOST/NAME:TAG
set -euo pipefail
name=${1%:*}
found='import json, sys; print(json.load(sys.stdin)["result"]["subject"]["digest"])'
digest=$(miniseal discover "$1" --json | python3 -I -c "$found")
echo "$name@$digest"
