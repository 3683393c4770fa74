#!/bin/sh
# Everything that CI runs; `test NAME...` runs the named suites only.
set -eu

sh scripts/dev/setup.sh
python=$(sh scripts/venv.sh)
export SLIPWAY_TEST_PYTHON="$python"
logs=build-logs
mkdir -p "$logs"
rm -f "$logs"/*
passed=0 failed=0
failed_suites=

# The number before a word in a summary line: "count passed LINE".
count() {
	printf '%s\n' "$2" | grep -Eo "[0-9]+ $1" | tail -n 1 | cut -d' ' -f1
}

# suite NAME COMMAND...: its last line with "N passed" or "N failed" counts.
# One that fails without saying how often has failed once.
suite() {
	name=$1
	shift
	if [ -n "$wanted" ] && ! printf '%s' " $wanted " | grep -qF " $name "; then
		return
	fi
	echo "== $name"
	begun=$(date +%s)
	status=0
	"$@" >"$logs/$name" 2>&1 || status=$?
	summary=$(grep -E '[0-9]+ (passed|failed|errors?)\b' "$logs/$name" |
		tail -n 1) || summary=
	good=$(count passed "$summary")
	bad=$(count failed "$summary")
	errors=$(count 'errors?' "$summary")
	good=${good:-0} bad=$((${bad:-0} + ${errors:-0}))
	if [ "$status" != 0 ] && [ "$bad" = 0 ]; then
		bad=1
	elif [ "$status" = 0 ] && [ "$((good + bad))" = 0 ]; then
		good=1
	fi
	passed=$((passed + good)) failed=$((failed + bad))
	grep -E '^(SKIPPED|skipped:|docker:) ' "$logs/$name" || true
	if [ "$bad" != 0 ]; then
		failed_suites="$failed_suites $name"
		cat "$logs/$name"
	fi
	echo "$name: $good passed, $bad failed in $(($(date +%s) - begun)) s"
}

# Warnings are errors here, with gcc in the first build and clang in the second.
build_program() {
	sh scripts/meson-build.sh build -Dwerror=true --
}

address_tests() {
	CC=clang sh scripts/meson-build.sh build-address -Dwerror=true \
		-Db_sanitize=address,undefined -- &&
		"$python" tests/run_unit build-address
}

thread_tests() {
	sh scripts/meson-build.sh build-thread -Db_sanitize=thread -- \
		tests/unit/test_pool tests/unit/test_pyc \
		tests/unit/test_hash tests/unit/test_layer &&
		"$python" tests/run_unit build-thread test_pool test_pyc \
			test_hash test_layer
}

lint() {
	sh scripts/dev/lint.sh
}

end_to_end() {
	sh scripts/dev/e2e.sh "$@"
}

wanted=$*
suite build build_program
suite includes "$python" tests/check_includes
suite headers "$python" tests/check_headers
suite unit "$python" tests/run_unit build
suite address address_tests
suite thread thread_tests
suite lint lint
suite init end_to_end tests/init
suite e2e end_to_end tests/tools tests/e2e

[ -z "$failed_suites" ] || echo "failed:$failed_suites (output in $logs)"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
