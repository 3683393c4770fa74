#!/bin/sh
# Install what is missing: Debian packages, and with them a Python for tests.
# `setup build` leaves out what only the tests need.
set -eu

packages() {
	if [ "${1-}" = build ]; then
		sed '/^\[tests\]/,$d' scripts/packages.txt
	else
		cat scripts/packages.txt
	fi | sed '/^#/d; /^\[/d; s/[[:space:]].*//; /^$/d'
}

missing_of() {
	for package; do
		status=$(dpkg-query -W -f '${db:Status-Status}' "$package" \
			2>/dev/null) || status=none
		[ "$status" = installed ] || echo "$package"
	done
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "setup: not root, and there is no sudo; run as root: $*" >&2
		exit 3
	fi
}

install_packages() {
	# shellcheck disable=SC2046
	set -- $(missing_of $(packages "${1-}"))
	if [ $# = 0 ]; then
		echo "setup: all packages are installed"
		return
	fi
	echo "setup: installing $# packages: $*"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
		--no-install-recommends "$@"
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
	install_packages "${1-}"
else
	echo "setup: this host has no apt. Install the counterparts of these" \
		"yourself (scripts/packages.txt says what each is for):" >&2
	packages "${1-}" | tr '\n' ' ' >&2
	echo >&2
fi
[ "${1-}" = build ] || echo "setup: Python for the tests: $(sh scripts/venv.sh)"
