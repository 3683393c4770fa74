#!/bin/sh
# build-peers.sh FOLDER: buildkitd, buildctl and buildx, from Go modules.
#
# BuildKit's go.mod has directives that `go install` refuses, so it is built in
# a copy of its module.
set -eu

folder=$1
buildkit=github.com/moby/buildkit@v0.34.2
buildx=github.com/docker/buildx/cmd/buildx@v0.38.2
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

module=$(cd "$copy" && go mod download -json "$buildkit" |
	sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
cp -r "$module/." "$copy"
chmod -R u+w "$copy"
(cd "$copy" && CGO_ENABLED=0 go build -mod=mod -o "$folder/" \
	./cmd/buildkitd ./cmd/buildctl)
GOBIN=$folder go install "$buildx"
