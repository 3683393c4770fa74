#!/bin/sh
# Time slipway beside its peers: `bench [--runs N] [--sides LIST]`; see docs/bench.md.
set -eu

python=$(sh scripts/venv.sh)
sh scripts/dev/build.sh slipway
exec "$python" bench/run.py "$@"
