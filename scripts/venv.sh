#!/bin/sh
# Prints the path of a Python that has scripts/test-requirements.txt, making
# it first where it is missing. It lies in the user's cache, one per content
# of that file, so that checkouts share it and it is never half made.
set -eu
cd "$(dirname "$0")/.."

python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3)
cache=${SLIPWAY_DEV_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/slipway-dev}
key=$({
	"$python" -VV
	cat scripts/test-requirements.txt
} | sha256sum | cut -c1-16)
venv=$cache/venv-$key

mkdir -p "$cache"
exec 8>"$cache/venv.lock"
flock 8
if [ ! -e "$venv/complete" ]; then
	echo "setup: making a Python environment in $venv" >&2
	rm -rf "$venv"
	"$python" -m venv "$venv" >&2
	"$venv/bin/python" -m pip install -q --disable-pip-version-check \
		--require-hashes -r scripts/test-requirements.txt >&2
	touch "$venv/complete"
fi
echo "$venv/bin/python"
