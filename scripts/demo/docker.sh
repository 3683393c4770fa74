# Part of scripts/dev/demo.sh: runs images in Docker, all on one loopback, so
# that they reach each other. Sourced; defines run_image and finish_running.
# shellcheck shell=sh disable=SC2154,SC2034

containers='' first='' names='' handler=''

remove_containers() {
	# shellcheck disable=SC2086
	[ -z "$containers" ] || docker rm -f -v $containers >/dev/null 2>&1
	# shellcheck disable=SC2086
	[ -z "$names" ] || docker rmi -f $names >/dev/null 2>&1
	containers='' names=''
}
stop_running=remove_containers

docker_well() {
	docker exec "$container" "$init" probe &&
		[ "$(docker inspect -f '{{.State.Health.Status}}' \
			"$container")" = healthy ]
}

run_image() {
	name=$1
	container=slipway-demo-$$-$count
	slipway load --quiet --to docker "$service" "machine:$2" >/dev/null
	names="$names $name"
	began=$(date +%s%N)
	docker run -d --name "$container" --health-interval 1s \
		--network "${first:+container:}${first:-none}" "$name" \
		>/dev/null
	first=${first:-$container}
	containers="$containers $container"
	[ "$service" != AdvancedCommandHandler ] || handler=$container
	if ! until_well "$began" "$service" "$2" docker_well; then
		docker logs "$container" >&2
		return 1
	fi
}

# What AdvancedCommandHandler makes of a sentence, with the help of the others.
ask_sentence() {
	docker exec "$handler" /opt/venv/bin/python -c '
import sys
from common.client import Peer
reply = Peer("AdvancedCommandHandler").ask("handle", text=sys.argv[1])
print("%s did it: %s" % (reply["by"], reply["result"]) if reply["done"]
      else reply["say"])' "$sentence"
}

finish_running() {
	if [ -n "$sentence" ]; then
		reply=$(ask_sentence)
		echo "\"$sentence\": $reply"
	fi
	# The one that the others share a network with goes last.
	# shellcheck disable=SC2086
	docker stop ${containers#" $first"} "$first" >/dev/null
	remove_containers
}
