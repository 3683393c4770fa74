#!/bin/sh
# End-to-end tests (pytest); arguments go to pytest: `e2e -k store`.
# Files run side by side; with `-n 0 -s` one by one, and what they print is seen.
set -eu

# Docker tests need a daemon: the one that answers, or one for this run.
if [ -z "${SLIPWAY_TEST_DOCKER-}" ]; then
	SLIPWAY_TEST_DOCKER=asked exec sh scripts/with-docker.sh sh "$0" "$@"
fi

python=${SLIPWAY_TEST_PYTHON:-$(sh scripts/venv.sh)}

run() {
	# One more than cores: many tests wait for a server or for Docker.
	PYTEST_XDIST_AUTO_NUM_WORKERS=$(($(nproc) + 1)) \
		"$python" -m pytest -q -rs -p no:cacheprovider -n auto \
		--maxprocesses 4 --dist loadfile "$@"
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
