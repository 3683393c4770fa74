#!/bin/sh
# Install what is missing: Debian packages, and with them a Python for tests.
# `setup build` leaves out what only demo and tests need, `setup demo` the tests;
# `setup bench` adds the peers that `bench` measures.
set -eu

case ${1-} in
'' | build | demo | bench) ;;
*)
	echo "usage: ./dev setup [build|demo|bench]" >&2
	exit 2
	;;
esac

# packages SECTION: the names of one section of the list; "" is the first.
packages() {
	awk -v wanted="$1" '
		/^#/ || NF == 0 { next }
		/^\[/ { section = substr($1, 2, length($1) - 2); next }
		section == wanted { print $1 }
	' scripts/packages.txt
}

wanted_packages() {
	packages ""
	case ${1-} in
	build) ;;
	demo) packages demo ;;
	bench)
		packages demo
		packages tests
		packages bench
		;;
	*)
		packages demo
		packages tests
		;;
	esac
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
	set -- $(missing_of $(wanted_packages "${1-}"))
	if [ $# = 0 ]; then
		echo "setup: all packages are installed"
		return
	fi
	echo "setup: installing $# packages: $*"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
		--no-install-recommends "$@"
}

# A mirror without arm64 is no reason to stop: images for that machine cannot be
# made here then, and nothing else is lacking.
install_arm64() {
	# shellcheck disable=SC2046
	set -- $(missing_of $(packages arm64))
	if [ $# = 0 ] || [ "$(dpkg --print-architecture)" != amd64 ]; then
		return
	fi
	echo "setup: installing what makes arm64 images: $*"
	added=
	if ! dpkg --print-foreign-architectures | grep -qx arm64; then
		as_root dpkg --add-architecture arm64
		added=yes
	fi
	if as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q \
			-y --no-install-recommends "$@"; then
		return
	fi
	echo "setup: no arm64 packages here: slipway-init is built for this" \
		"machine's architecture only" >&2
	[ -z "$added" ] || as_root dpkg --remove-architecture arm64
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
	install_packages "${1-}"
	[ "${1-}" = demo ] || install_arm64
else
	echo "setup: this host has no apt. Install the counterparts of these" \
		"yourself (scripts/packages.txt says what each is for):" >&2
	wanted_packages "${1-}" | tr '\n' ' ' >&2
	echo >&2
fi
[ $# != 0 ] || echo "setup: Python for the tests: $(sh scripts/venv.sh)"
