# Part of scripts/dev/demo.sh: runs images in bubblewrap, one after the other,
# each from its unpacked image. Sourced; defines run_image and finish_running.
# shellcheck shell=sh disable=SC2154,SC2034

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

run_image() {
	bundle=$work/bundle
	info=$work/sandbox.json
	rm -rf "$bundle" "$info"
	umoci --log error unpack --rootless --image "$store:$1" "$bundle"
	eval "set -- \"\$2\" $(bubblewrap_words "$config")"
	where=$1
	shift
	began=$(date +%s%N)
	"$@" 9>"$info" >"$work/service.log" 2>&1 &
	sandbox=$!
	stop_running=sandbox_remove
	if ! until_well "$began" "$service" "$where" sandbox_well; then
		cat "$work/service.log" >&2
		return 1
	fi
	kill "$(jq '."child-pid"' "$info")"
	wait "$sandbox" || true
	stop_running=:
	rm -rf "$bundle"
}

finish_running() {
	:
}

nsenter=$(command -v nsenter)
find_proc
