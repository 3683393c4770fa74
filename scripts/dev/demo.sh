#!/bin/sh
# Compile a fleet and run it: `demo [--all] [FOLDER]`; examples/dual-machine without one.
#
# Installs what is missing, builds slipway, compiles the fleet, shows the plan,
# then starts images and asks each its own health question: in Docker where a
# daemon answers, else in bubblewrap from the unpacked image. Of
# examples/dual-machine it compiles what needs no GPU (with --all the rest too,
# 2.8 GB of wheels) and runs a few of each kind. What is made lies in
# build-demo, so that a second run shows what stays when nothing changed.
set -eu

selection='family:cpu-*'
services="ServiceRegistry NLUAgent IntentionValidatorAgent SmartHomeAgent
	AdvancedCommandHandler MemoryFusionHub CrossMachineGPUScheduler
	WakeWordDetector StreamingTranslationProxy ObservabilityDashboardAPI
	CentralErrorBus SpeechRelayService AuthenticationAgent"
# A sentence for AdvancedCommandHandler, which asks three others about it.
sentence="turn the kitchen light to 40"
if [ "${1-}" = --all ]; then
	selection=
	shift
fi
if [ $# != 0 ]; then
	selection='' services='' sentence=''
fi
fleet=${1:-examples/dual-machine}
fleet=${fleet%/}
work=build-demo/${fleet##*/}
store=$work/store
seconds_to_health=60
started=$(date +%s%N)

if [ ! -f "$fleet/fleet.yaml" ]; then
	echo "demo: there is no $fleet/fleet.yaml" >&2
	exit 2
fi

# Time since the nanoseconds of $1, as "12.3 s".
since() {
	echo "$1 $(date +%s%N)" | awk '{ printf "%.1f s", ($2 - $1) / 1e9 }'
}

# did WHAT SINCE RESULT
did() {
	printf '%-32s %-37s %8s\n' "$1" "$3" "$(since "$2")"
}

stop_running=:
trap '$stop_running' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

sh scripts/dev/setup.sh demo
began=$(date +%s%N)
mkdir -p "$work"
if ! sh scripts/dev/build.sh slipway >"$work/log" 2>&1; then
	cat "$work/log" >&2
	exit 1
fi
did "./dev build" "$began" build/slipway

# A copy, since locking writes fleet.lock.json beside fleet.yaml. The lock of
# an earlier run stays.
lock=$work/fleet/fleet.lock.json
[ ! -f "$lock" ] || mv "$lock" "$work/lock"
rm -rf "$work/fleet"
cp -R "$fleet" "$work/fleet"
[ ! -f "$work/lock" ] || mv "$work/lock" "$lock"

slipway() {
	build/slipway -C "$work/fleet" --store "$store" "$@"
}

# What slipway says, in $work/out; all of it where it fails.
quietly() {
	if ! slipway "$@" >"$work/out" 2>"$work/log"; then
		cat "$work/log" "$work/out" >&2
		echo "demo: slipway $*: failed" >&2
		exit 1
	fi
}

step() {
	began=$(date +%s%N)
	quietly "$@"
	did "slipway $*" "$began" "$(tail -n 1 "$work/out" | sed 's/^.*: //')"
}

step_build() {
	began=$(date +%s%N)
	# shellcheck disable=SC2086
	quietly build $selection --json
	mv "$work/out" "$work/images.json"
	did "slipway build $selection" "$began" "$(jq -r '[.images[].state]
		| group_by(.) | map(select(.[0] != "skipped")
			| "\(length) images \(.[0])") | join(", ")' \
		"$work/images.json")"
}

compiled=$(date +%s%N)
step lock
step check
step_build
compiled=$(since "$compiled")
if grep -q '"built"' "$work/images.json"; then
	step_build # once more, with nothing changed
fi

began=$(date +%s%N)
quietly plan --json
did "slipway plan" "$began" "what is shared most:"
jq -r -f scripts/demo/plan.jq "$work/out"

# -- run them --

# "MACHINE REFERENCE" of the services to run; of one on two machines the first.
chosen() {
	jq -r --arg wanted "$services" '
		($wanted | [splits("\\s+")] - [""]) as $wanted
		| [.images[] | select(.reference != null)]
		| if $wanted == [] then . else
			unique_by(.service) | INDEX(.service) as $by
			| $wanted | map($by[.]) end
		| .[] | "\(.machine) \(.reference)"' "$work/images.json"
}

# until_well SINCE SERVICE MACHINE COMMAND...: asks until the answer is good.
until_well() {
	asked=$1 service=$2 where=$3
	shift 3
	end=$(($(date +%s) + seconds_to_health))
	until answer=$("$@" 2>&1); do
		if [ "$(date +%s)" -ge "$end" ]; then
			echo "demo: $service is not well after" \
				"$seconds_to_health s: $answer" >&2
			return 1
		fi
		sleep 0.2
	done
	printf '%-26s %-7s well after %6s   %.31s\n' "$service" "$where" \
		"$(since "$asked")" "$(printf '%s' "$answer" | tail -n 1)"
}

config=$work/config.json
read_config() {
	skopeo inspect --config --raw "oci:$store:$1" >"$config"
	service=$(jq -r '.config.Env[] | select(startswith("SLIPWAY_SERVICE="))
		| ltrimstr("SLIPWAY_SERVICE=")' "$config")
	init=$(jq -r '.config.Entrypoint[0]' "$config")
}

docker_answers() {
	command -v docker >/dev/null && timeout 30 docker version >/dev/null 2>&1
}

if docker_answers; then
	place=Docker
	. scripts/demo/docker.sh
else
	place="bubblewrap, since no Docker daemon answers"
	. scripts/demo/bubblewrap.sh
fi
echo "In $place:"
count=0
architecture=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
chosen >"$work/chosen"
while read -r machine reference <&3; do
	read_config "$reference"
	if [ "$(jq -r .architecture "$config")" != "$architecture" ]; then
		echo "$service is for another machine: not started"
		continue
	fi
	run_image "$reference" "$machine"
	count=$((count + 1))
done 3<"$work/chosen"
finish_running
echo "$count images ran and were well; $(jq '.images
	| map(select(.reference != null)) | length' "$work/images.json")" \
	"compiled in $compiled, all took $(since "$started")"
