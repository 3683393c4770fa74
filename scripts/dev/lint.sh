#!/bin/sh
# Format, clang-tidy, shellcheck, leftovers, host names: all tracked files.
set -eu

cache=${SLIPWAY_DEV_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/slipway-dev}
mkdir -p "$cache/tidy"
cores=$(nproc)
failed=0
passed=0

ours() {
	git ls-files --cached --others --exclude-standard -- "$@" |
		while read -r file; do
			[ ! -f "$file" ] || echo "$file"
		done
}

# check NAME COMMAND...
check() {
	name=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "lint: $name found something"
	fi
}

format() {
	ours '*.c' '*.h' | xargs -r clang-format --dry-run -Werror
}

tidy() {
	ours 'src/*.c' 'init/*.c' 'fuzz/*.c' |
		xargs -r -P "$cores" -n 1 sh scripts/tidy-one.sh "$cache/tidy"
}

shell_scripts() {
	{
		ours '*.sh'
		git grep -lE --untracked '^#!.*[ /](sh|bash)$' -- ':!*.sh'
	} | xargs -r shellcheck
}

# grep exits with 1 where nothing is found, which is what is wanted here.
nothing_found() {
	status=0
	git grep -nI --untracked "$@" || status=$?
	[ "$status" = 1 ]
}

leftovers() {
	nothing_found -wE -e 'TO''DO|FIX''ME|XX''X|HA''CK' -- ':!LICENSE'
}

machine_paths() {
	nothing_found -E -e '(^|[^A-Za-z0-9_./-])/(wo''rk|ro''ot)/'
}

long_c_files() {
	status=0
	for file in $(ours 'src/*.[ch]' 'init/*.[ch]'); do
		lines=$(wc -l <"$file")
		if [ "$lines" -gt 800 ]; then
			echo "$file: $lines lines; split what is two ideas"
			status=1
		fi
	done
	return "$status"
}

check clang-format format
check 'file length' long_c_files
check shellcheck shell_scripts
check leftovers leftovers
check 'machine paths' machine_paths
check 'host names' tests/check_hosts
check clang-tidy tidy
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
