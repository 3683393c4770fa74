#!/bin/sh
# Build the program: build/slipway. Further arguments are targets for ninja.
set -eu

sh scripts/meson-build.sh build -- "$@"
