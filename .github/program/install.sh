#!/usr/bin/env bash
# Install the Miniseal of this checkout, with the scanner that it pins; everything else by hash, and
# nothing of others built. Needs Python. The programs are on the PATH of the job's next steps.
#   install.sh ENVIRONMENT
set -euo pipefail
environment=$(realpath -m "$1")
root=$(realpath "$(dirname "$0")/../..")
cd "$root" # not in a checkout of others: Python and uv read what lies where they start
python3 -m venv "$environment-tools"
"$environment-tools/bin/pip" install -q --disable-pip-version-check --require-hashes --only-binary :all: \
	-r "$root/requirements/bootstrap.txt"
uv="$environment-tools/bin/uv"
"$uv" venv -q --python "$(command -v python3)" "$environment"
"$uv" pip install -q --python "$environment/bin/python" --require-hashes --only-binary :all: -r "$root/requirements/run.txt"
"$uv" pip install -q --python "$environment/bin/python" --offline --no-deps --no-build-isolation "$root"
# hosted runners keep programs from user namespaces, which the sandbox is made of
switch=kernel.apparmor_restrict_unprivileged_userns
if [ -e "/proc/sys/${switch//.//}" ]; then sudo sysctl --quiet --write "$switch=0"; fi
"$environment/bin/miniseal" --version
if [ -n "${GITHUB_PATH:-}" ]; then echo "$environment/bin" >>"$GITHUB_PATH"; fi
