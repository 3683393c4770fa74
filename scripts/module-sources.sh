#!/bin/sh
# Prints one line per module of src/modules.txt that has code:
# LAYER_MODULE, then its sources relative to src/.
cd "$(dirname "$0")/../src" || exit 1
grep -v '^#' modules.txt | while read -r layer modules; do
	for module in $modules; do
		line=
		for source in "$layer/$module.c" "$layer/$module"/*.c; do
			[ ! -f "$source" ] || line="$line $source"
		done
		[ -z "$line" ] || echo "${layer}_$module$line"
	done
done
exit 0
