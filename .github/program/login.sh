#!/usr/bin/env bash
# Log in to the registry of $REPOSITORY with $USERNAME and $PASSWORD. Without them the workflow's own
# token is used, for ghcr.io alone: it is nobody else's to see.
set -euo pipefail
host=${REPOSITORY%%/*}
if [ -z "${PASSWORD:-}" ]; then
	if [ "$host" != ghcr.io ]; then exit 0; fi
	USERNAME=$OWN_USERNAME PASSWORD=$OWN_PASSWORD
fi
printf %s "$PASSWORD" | miniseal login --username "$USERNAME" --password-stdin -- "$host"
