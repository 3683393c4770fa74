#!/bin/sh
# meson-build.sh FOLDER [MESON-OPTION...] -- [TARGET...]
# Configures a build folder where needed, then builds. The lists of modules and
# tests are read when Meson configures, so a new file means a new look.
set -eu

folder=$1
shift
options=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	options="$options $1"
	shift
done
shift

# Objects of another checkout are as good: paths in them are relative.
export CCACHE_NOHASHDIR=1
for tool in meson ninja pkg-config; do
	if ! command -v "$tool" >/dev/null; then
		echo "build: '$tool' is not installed; run ./dev setup" >&2
		exit 3
	fi
done
list() {
	sh scripts/module-sources.sh
	find data -type f 2>/dev/null | sort
	ls tests/unit/test_*.c tests/tools/*.c fuzz/*/* init/*.c 2>/dev/null || true
}

wanted=$(
	echo "$options"
	list
)
compiler=${CC:-cc}
if [ -n "${CC-}" ] && command -v ccache >/dev/null; then
	export CC="ccache $CC"
fi
# Meson keeps the compiler of the first time.
[ "$compiler" = "$(cat "$folder/compiler" 2>/dev/null)" ] || rm -rf "$folder"
if [ ! -f "$folder/build.ninja" ]; then
	# shellcheck disable=SC2086
	meson setup "$folder" $options
elif [ "$wanted" != "$(cat "$folder/configured-for" 2>/dev/null)" ]; then
	# shellcheck disable=SC2086
	meson setup --reconfigure "$folder" $options
fi
echo "$wanted" >"$folder/configured-for"
echo "$compiler" >"$folder/compiler"
exec ninja -C "$folder" "$@"
