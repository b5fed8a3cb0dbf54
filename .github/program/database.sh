#!/usr/bin/env bash
# Print the reference of trivy's own vulnerability database, by the digest that its tag has now: the
# scan takes it by that, and says in its statement what it was.
set -euo pipefail
name=ghcr.io/aquasecurity/trivy-db
digest=$(miniseal discover "$name:2" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["result"]["digest"])')
echo "$name@$digest"
