#!/bin/sh
# Prints C for base/data.h: embed-data.sh NAME FILE [NAME FILE]...
set -eu
echo '#include "base/data/table.h"'
table=
n=0
while [ $# -gt 1 ]; do
	echo "static const unsigned char bytes_${n}[] = {"
	od -An -v -tu1 "$2" | sed 's/\([0-9]\)\( \|$\)/\1,\2/g'
	# An empty file is an array too.
	echo '0};'
	table="$table
{\"$1\", bytes_$n, sizeof bytes_$n - 1},"
	n=$((n + 1))
	shift 2
done
echo "const struct data_file data_table[] = {$table
{0, 0, 0}};"
