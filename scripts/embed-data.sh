#!/bin/sh
# Prints C for base/data.h: embed-data.sh FOLDER FILE...
# Each file is below the folder and is known by its path there.
set -eu
folder=$1
shift
echo '#include "base/data/table.h"'
n=0
for file in "$@"; do
	echo "static const unsigned char bytes_${n}[] = {"
	od -An -v -tu1 "$file" | sed 's/\([0-9]\)\( \|$\)/\1,\2/g'
	# An empty file is an array too.
	echo '0};'
	n=$((n + 1))
done
echo 'const struct data_file data_table[] = {'
n=0
for file in "$@"; do
	echo "{\"${file#"$folder"/}\", bytes_$n, sizeof bytes_$n - 1},"
	n=$((n + 1))
done
echo '{0, 0, 0}};'
