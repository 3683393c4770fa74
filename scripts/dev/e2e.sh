#!/bin/sh
# End-to-end tests (pytest); arguments go to pytest: `e2e -k store`.
set -eu

python=${SLIPWAY_TEST_PYTHON:-$(sh scripts/venv.sh)}

run() {
	"$python" -m pytest -q -rs -p no:cacheprovider "$@"
}

# tests/init has a conftest.py of its own, so it is a run of its own.
if [ $# -gt 0 ]; then
	run "$@"
else
	status=0
	run tests/tools tests/e2e || status=$?
	run tests/init || status=$?
	exit "$status"
fi
