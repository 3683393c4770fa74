#!/bin/sh
# Fuzz with sanitizers: `fuzz [NAME [SECONDS]]`; all targets, 60 s each.
#
# fuzz/NAME/target.c is the target. Beside it, all optional: seeds/ (inputs to
# start from), dict (libFuzzer's), sources (see fuzz/meson.build), options
# (flags for libFuzzer). What is found lies in build-fuzz/NAME-*.
set -eu

wanted=${1-}
seconds=${2:-60}
passed=0 failed=0

if [ -n "$wanted" ] && [ ! -f "fuzz/$wanted/target.c" ]; then
	echo "fuzz: there is no fuzz/$wanted/target.c" >&2
	exit 2
fi

fuzz() {
	name=$1
	corpus=build-fuzz/corpus/$name
	mkdir -p "$corpus"
	set -- "-max_total_time=$seconds" "-artifact_prefix=build-fuzz/$name-" \
		-print_final_stats=1 -timeout=10 -rss_limit_mb=2048
	[ ! -f "fuzz/$name/dict" ] || set -- "$@" "-dict=fuzz/$name/dict"
	# shellcheck disable=SC2046
	[ ! -f "fuzz/$name/options" ] || set -- "$@" $(cat "fuzz/$name/options")
	set -- "$@" "$corpus"
	[ ! -d "fuzz/$name/seeds" ] || set -- "$@" "fuzz/$name/seeds"
	"build-fuzz/fuzz/fuzz-$name" "$@"
}

CC=clang sh scripts/meson-build.sh build-fuzz -Dfuzz=true \
	-Db_sanitize=address,undefined --
for target in fuzz/*/target.c; do
	name=$(basename "$(dirname "$target")")
	if [ ! -f "$target" ] || [ "${wanted:-$name}" != "$name" ]; then
		continue
	fi
	echo "== fuzz $name, $seconds s"
	if fuzz "$name"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
