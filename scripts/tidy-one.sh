#!/bin/sh
# tidy-one.sh CACHE FILE: clang-tidy on one file, skipped where the same text
# (with all that it includes) has passed before under the same rules.
set -eu

cache=$1
file=$2
set -- -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	'-DSLIPWAY_VERSION="0"' -Isrc -Iinit -I.

key=$({
	cat .clang-tidy
	clang-tidy --version
	clang "$@" -E -C "$file"
} | sha256sum | cut -c1-32)
[ ! -e "$cache/$key" ] || exit 0

if output=$(clang-tidy --quiet --warnings-as-errors='*' "$file" -- "$@" \
	2>&1); then
	: >"$cache/$key"
else
	printf '%s\n' "$output"
	exit 1
fi
