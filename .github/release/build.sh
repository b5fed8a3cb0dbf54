#!/usr/bin/env bash
# Build the wheel and the sdist of this checkout into FOLDER/dist.
#   build.sh FOLDER
# hatchling and what it needs are the lock's, by hash, and nothing else is in the environment.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(realpath -m "$1")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/tools"
"$scratch/tools/bin/pip" install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/bootstrap.txt
"$scratch/tools/bin/uv" venv -q --python "$(command -v python3)" "$scratch/build"
grep -o '^hatchling==[^ ]*' requirements/dev.txt > "$scratch/hatchling.txt"
"$scratch/tools/bin/uv" pip install -q --python "$scratch/build/bin/python" --require-hashes --only-binary :all: \
	-c requirements/dev.txt -r "$scratch/hatchling.txt"
mkdir -p "$folder"
for target in wheel sdist; do
	"$scratch/build/bin/python" -m hatchling build -t "$target" -d "$folder/dist"
done
