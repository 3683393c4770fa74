#!/bin/sh
# End-to-end tests (pytest); arguments go to pytest: `e2e -k store`.
set -eu

python=${SLIPWAY_TEST_PYTHON:-$(sh scripts/venv.sh)}
[ $# -gt 0 ] || set -- tests/tools tests/init tests/e2e
exec "$python" -m pytest -q -rs -p no:cacheprovider "$@"
