#!/bin/sh
# A verb in a bare Debian with a fresh clone: bare demo, bare test.
#
# Proves that nothing installed by hand is needed. The root has git and
# ca-certificates, the host's package sources, pip configuration and its own
# certificates, and nothing else of the host. Needs root; the folder is removed
# at the end, unless KEEP=1.
set -eu

if [ $# = 0 ]; then
	echo "usage: ./dev bare VERB [ARGUMENTS]" >&2
	exit 2
elif [ "$(id -u)" != 0 ] || ! command -v mmdebstrap >/dev/null; then
	echo "bare: needs root and mmdebstrap" >&2
	exit 3
fi

folder=$(mktemp -d)
root=$folder/root

clean() {
	[ -n "${KEEP-}" ] || rm -rf --one-file-system "$folder"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

find /etc/apt -maxdepth 2 '(' -name '*.list' -o -name '*.sources' ')' \
	-exec mmdebstrap --quiet --variant=minbase --include=git,ca-certificates \
	bookworm "$root" '{}' +
for path in /etc/resolv.conf /etc/hosts /etc/pip.conf \
	/usr/local/share/ca-certificates; do
	[ ! -e "$path" ] || cp -rL "$path" "$root/$(dirname "$path")/"
done
chroot "$root" update-ca-certificates >/dev/null
git clone --quiet "$PWD" "$root/src/slipway"
echo "bare: $(find "$root/var/lib/dpkg/info" -name '*.list' | wc -l) packages;" \
	"./dev $*"

# A new root by pivot_root and not by chroot, in which a sandbox could not make
# user namespaces; the mounts end with the namespace.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
# shellcheck disable=SC2016
unshare --mount --propagation private sh -euc '
	root=$1
	shift
	mount --bind "$root" "$root"
	mount --rbind /dev "$root/dev"
	mount --rbind /sys "$root/sys"
	mount -t proc proc "$root/proc"
	mount -t tmpfs tmpfs "$root/run"
	cd "$root"
	pivot_root . mnt
	umount -l /mnt
	cd /src/slipway
	exec env -u PIP_FIND_LINKS ./dev "$@"
' sh "$root" "$@"
