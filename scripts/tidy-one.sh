#!/bin/sh
# tidy-one.sh CACHE FILE: clang-tidy on one file, skipped where the same text
# (with all that it includes) has passed before under the same rules.
set -eu

cache=$1
file=$2
flags='-std=gnu17 -DSLIPWAY_VERSION="0" -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Isrc -Iinit'

# shellcheck disable=SC2086
key=$({
	cat .clang-tidy
	clang-tidy --version
	clang $flags -E -C "$file"
} | sha256sum | cut -c1-32)
[ ! -e "$cache/$key" ] || exit 0

# shellcheck disable=SC2086
if output=$(clang-tidy --quiet --warnings-as-errors='*' "$file" -- $flags \
	2>&1); then
	: >"$cache/$key"
else
	printf '%s\n' "$output"
	exit 1
fi
