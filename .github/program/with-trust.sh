#!/usr/bin/env bash
# Run a command with the trust material that a policy asks for: fetched now, where it names a TUF
# repository; a file beside the policy needs nothing.
#   with-trust.sh POLICY COMMAND...
set -euo pipefail
policy=$1
shift
asks='import sys, tomllib; print("tuf" in tomllib.load(open(sys.argv[1], "rb")).get("trust", {}))'
if [ "$(python3 -I -c "$asks" "$policy")" = True ]; then
	MINISEAL_TRUST=$(mktemp -d)/trust
	export MINISEAL_TRUST
	miniseal refresh --policy "$policy" >&2
fi
exec "$@"
