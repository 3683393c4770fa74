#!/bin/sh
# Prints one line per module of src/modules.txt that has code:
# LAYER_MODULE, then its sources relative to src/.
cd "$(dirname "$0")/../src" || exit 1
grep -v '^#' modules.txt | while read -r layer modules; do
	for module in $modules; do
		sources=$(ls "$layer/$module.c" "$layer/$module"/*.c 2>/dev/null |
			sort | tr '\n' ' ')
		[ -n "$sources" ] && echo "${layer}_$module ${sources% }"
	done
done
exit 0
