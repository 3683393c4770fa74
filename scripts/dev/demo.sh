#!/bin/sh
# Compile a fleet and run it: `demo [FOLDER]`; examples/hello without one.
#
# Installs what is missing, builds slipway, compiles the fleet, shows the plan,
# then starts each image and asks it its own health question: in Docker where a
# daemon answers, else in bubblewrap from the unpacked image. What is made lies
# in build-demo, so that a second run shows what stays when nothing changed.
set -eu

fleet=${1:-examples/hello}
seconds_to_health=60
work=build-demo
store=$work/store
started=$(date +%s%N)
running=

say() {
	printf '\n== %s\n' "$*"
}

# Time since the nanoseconds of $1, as "12.3 s".
since() {
	echo "$1 $(date +%s%N)" | awk '{ printf "%.1f s", ($2 - $1) / 1e9 }'
}

if [ ! -f "$fleet/fleet.yaml" ]; then
	echo "demo: there is no $fleet/fleet.yaml" >&2
	exit 2
fi

stop_running() {
	[ -z "$running" ] || $running
	running=
}
trap stop_running EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "what is needed (./dev setup demo)"
sh scripts/dev/setup.sh demo
say "slipway itself (./dev build)"
mkdir -p "$work"
if ! sh scripts/dev/build.sh slipway >"$work/build.log" 2>&1; then
	cat "$work/build.log"
	exit 1
fi
echo "build/slipway, $(since "$started") so far"

# A copy, since locking writes fleet.lock.json beside fleet.yaml. The lock of
# an earlier run stays.
mkdir -p "$work/fleet"
cp -R "$fleet/." "$work/fleet/"

slipway() {
	build/slipway -C "$work/fleet" --store "$store" "$@"
}

step() {
	say "slipway $*"
	began=$(date +%s%N)
	slipway "$@"
	echo "($(since "$began"))"
}

compiled=$(date +%s%N)
step lock
step build
step plan
compiled=$(since "$compiled")

# Asks "$@" until it answers well; prints its last line.
wait_until_well() {
	end=$(($(date +%s) + seconds_to_health))
	until answer=$("$@" 2>&1); do
		if [ "$(date +%s)" -ge "$end" ]; then
			echo "not well after $seconds_to_health s:" >&2
			printf '%s\n' "$answer" >&2
			return 1
		fi
		sleep 0.3
	done
	printf 'health: %s\n' "$answer"
}

# -- with Docker --

docker_well() {
	docker exec "$container" "$init" probe &&
		[ "$(docker inspect -f '{{.State.Health.Status}}' \
			"$container")" = healthy ]
}

docker_remove() {
	docker rm -f -v "$container" >/dev/null 2>&1 || true
	docker rmi -f "$name" >/dev/null 2>&1 || true
}

run_in_docker() {
	name=$1
	container=slipway-demo-$$
	running=docker_remove
	docker run -d --name "$container" --health-interval 1s "$name" \
		>/dev/null
	if ! wait_until_well docker_well; then
		docker logs "$container" >&2
		return 1
	fi
	docker logs "$container" 2>&1 | tail -n 3
	docker stop "$container" >/dev/null
	echo "stopped with status" \
		"$(docker inspect -f '{{.State.ExitCode}}' "$container")"
	stop_running
}

# -- with bubblewrap --

# The command line of a container, from the image's config ($1): its user,
# environment and words in namespaces of its own.
bubblewrap_words() {
	jq -r '.config | (.User // "0:0" | split(":")) as $user
		| ["bwrap", "--die-with-parent", "--as-pid-1", "--unshare-all",
			"--uid", $user[0], "--gid", ($user[1] // $user[0]),
			"--hostname", "demo", "--info-fd", "9",
			"--bind", $rootfs, "/", "--dev", "/dev",
			"--tmpfs", "/tmp", "--clearenv"]
		+ ($proc | split(" "))
		+ (.Env | map(index("=") as $at
			| ["--setenv", .[:$at], .[$at + 1:]]) | add)
		+ ["--chdir", .WorkingDir] + .Entrypoint + .Cmd
		| @sh' --arg rootfs "$bundle/rootfs" --arg proc "$proc" "$1"
}

# The words that give a sandbox its /proc: in a container the kernel may refuse
# a new one, since that would show what the container hides.
find_proc() {
	for proc in "--proc /proc" "--ro-bind /proc /proc"; do
		# shellcheck disable=SC2086
		if refused=$(bwrap --unshare-all --uid 10001 --ro-bind / / \
			--dev /dev $proc true 2>&1); then
			return
		fi
	done
	echo "demo: no Docker daemon answers, and this host lets bubblewrap" \
		"make no sandbox: $refused" >&2
	exit 3
}

# As `docker exec` does: into the namespaces of process 1 of the sandbox, with
# the image's environment.
sandbox_well() {
	[ -s "$info" ] || return 1
	pid=$(jq '."child-pid"' "$info") || return 1
	eval "set -- $(jq -r '.config.Env | @sh' "$config")"
	env -i "$@" "$nsenter" --target "$pid" --user --preserve-credentials \
		--mount --net --pid "$init" probe
}

sandbox_remove() {
	kill "$sandbox" 2>/dev/null || true
	wait "$sandbox" 2>/dev/null || true
}

run_in_bubblewrap() {
	bundle=$work/bundle
	info=$work/sandbox.json
	rm -rf "$bundle" "$info"
	umoci --log error unpack --rootless --image "$store:$1" "$bundle"
	eval "set -- $(bubblewrap_words "$config")"
	"$@" 9>"$info" >"$work/service.log" 2>&1 &
	sandbox=$!
	nsenter=$(command -v nsenter)
	running=sandbox_remove
	if ! wait_until_well sandbox_well; then
		cat "$work/service.log" >&2
		return 1
	fi
	tail -n 3 "$work/service.log"
	kill "$(jq '."child-pid"' "$info")"
	status=0
	wait "$sandbox" || status=$?
	running=
	echo "stopped with status $status"
}

docker_answers() {
	command -v docker >/dev/null && timeout 30 docker version >/dev/null 2>&1
}

if docker_answers; then
	place=Docker runner=run_in_docker
else
	find_proc
	place="bubblewrap (no Docker daemon answers)" runner=run_in_bubblewrap
fi
slipway build --quiet --json >"$work/images.json"
[ "$place" != Docker ] || slipway load --to docker
machine=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
count=0
for reference in $(jq -r '.images[].reference | strings' \
	"$work/images.json"); do
	config=$work/config.json
	skopeo inspect --config --raw "oci:$store:$reference" >"$config"
	if [ "$(jq -r .architecture "$config")" != "$machine" ]; then
		echo "$reference is for another machine: not started"
		continue
	fi
	init=$(jq -r '.config.Entrypoint[0]' "$config")
	say "$reference in $place"
	$runner "$reference"
	count=$((count + 1))
done

say "images that ran and were well: $count; the fleet compiled in $compiled," \
	"all took $(since "$started")"
