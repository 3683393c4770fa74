#!/bin/sh
# Time slipway beside its peers: `bench --help`, docs/bench.md.
set -eu

sh scripts/dev/setup.sh bench >&2
python=$(sh scripts/venv.sh)
sh scripts/dev/build.sh slipway bench/floor tests/unit/tool_plan_scale
exec "$python" bench/run.py "$@"
