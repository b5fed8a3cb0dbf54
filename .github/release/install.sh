#!/usr/bin/env bash
# Install a wheel with extras into a new environment, everything by hash and nothing built.
#   install.sh WHEEL EXTRAS ENVIRONMENT        install.sh built/dist/x.whl keyless fresh
set -euo pipefail
wheel=$(realpath "$1") environment=$3
requirements=$(realpath "$(dirname "$0")/../../requirements")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/tools"
"$scratch/tools/bin/pip" install -q --disable-pip-version-check --require-hashes --only-binary :all: -r "$requirements/bootstrap.txt"
"$scratch/tools/bin/uv" venv -q --python "$(command -v python3)" "$environment"
digest=$(sha256sum "$wheel" | cut -d ' ' -f 1)
echo "miniseal[$2] @ file://$wheel --hash=sha256:$digest" > "$scratch/wheel.txt"
"$scratch/tools/bin/uv" pip install -q --python "$environment/bin/python" --require-hashes --only-binary :all: \
	-c "$requirements/dev.txt" -r "$scratch/wheel.txt"
