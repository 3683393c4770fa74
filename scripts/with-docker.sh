#!/bin/sh
# with-docker.sh COMMAND...: runs a command with a Docker daemon to talk to.
# Where one answers it is that one; where none does and we are root, one of our
# own for as long as the command runs, in a folder, with a bridge and without
# rules in the host's packet filter; else none, which is said.
set -eu

started=
folder=
bridge=

say() {
	echo "docker: $*"
}

answers() {
	timeout 30 docker version >/dev/null 2>&1
}

clean() {
	if [ -n "$started" ]; then
		kill "$started" 2>/dev/null || true
		wait "$started" 2>/dev/null || true
	fi
	[ -z "$bridge" ] || ip link del "$bridge" 2>/dev/null || true
	if [ -n "$folder" ]; then
		# What a daemon that was killed has left mounted.
		awk -v below="$folder/" 'index($2, below) == 1 { print $2 }' \
			/proc/mounts | sort -r | while read -r mounted; do
			umount -l "$mounted" 2>/dev/null || true
		done
		rm -rf "$folder"
	fi
}

# Its own bridge and subnet, so that another daemon's docker0 is left alone.
make_bridge() {
	wanted=slw$$
	ip link add name "$wanted" type bridge || return 1
	bridge=$wanted
	ip addr add "10.213.$(($$ % 250)).1/24" dev "$bridge" &&
		ip link set "$bridge" up
}

start() {
	folder=$(mktemp -d)
	make_bridge 2>"$folder/log" || return 1
	dockerd --data-root "$folder/data" --exec-root "$folder/exec" \
		--pidfile "$folder/pid" --host "unix://$folder/docker.sock" \
		--bridge "$bridge" --iptables=false --ip6tables=false \
		--ip-forward=false --ip-masq=false \
		--containerd-namespace "$bridge" \
		--containerd-plugins-namespace "$bridge-plugins" \
		>"$folder/log" 2>&1 &
	started=$!
	export DOCKER_HOST="unix://$folder/docker.sock"
	tries=150
	until answers; do
		tries=$((tries - 1))
		kill -0 "$started" 2>/dev/null && [ "$tries" -gt 0 ] || return 1
		sleep 0.2
	done
}

if ! command -v docker >/dev/null; then
	say "not installed; tests that need it are skipped"
	exec "$@"
elif answers; then
	say "the daemon that answers here is used"
	exec "$@"
elif [ "$(id -u)" != 0 ] || ! command -v dockerd >/dev/null; then
	say "no daemon answers, and only root with dockerd can start one;" \
		"tests that need it are skipped"
	exec "$@"
fi
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
given=${DOCKER_HOST-}
if start; then
	say "a daemon was started for the tests, in $folder"
else
	say "no daemon answers, and one could not be started:" \
		"$(tail -n 1 "$folder/log"); tests that need it are skipped"
	clean
	started='' bridge='' folder=''
	DOCKER_HOST=$given
	[ -n "$given" ] || unset DOCKER_HOST
fi
status=0
"$@" || status=$?
exit "$status"
