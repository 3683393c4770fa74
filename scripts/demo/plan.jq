# What `slipway plan --json` says, for scripts/dev/demo.sh: the lowest layers
# that several images share, then the totals.

def unit(size; name): . / size * 10 | round / 10 | "\(.) \(name)";
def size:
	if . == null then "?"
	elif . < 1e6 then unit(1e3; "kB")
	elif . < 1e9 then unit(1e6; "MB")
	else unit(1e9; "GB") end;
def left(width): .[:width] | . + " " * (width - length);
def right(width): " " * (width - length) + .;

INDEX(.layers[]; .id) as $by
| def depth: if .parent then 1 + ($by[.parent] | depth) else 0 end;
(.layers
 | map(select(.services | length > 1) + {depth: depth} | select(.depth < 5))
 | .[:12][]
 | (.parts | length - 3) as $more
 | ("  " * .depth + (.parts[:3] | join(", "))
	+ if $more > 0 then " +\($more)" else "" end | left(57))
   + (.compressed_bytes | size | right(9))
   + ("\(.services | length) services" | right(12))),
"\(.images | length) images, \(.layers | length) layers: "
 + "\(.totals.tree_bytes | size) on disk, "
 + "\(.totals.unshared_bytes | size) without sharing"
