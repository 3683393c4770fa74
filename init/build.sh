#!/bin/sh
# Builds slipway-init (static, musl) and slipway-gpu (dynamic, glibc) with one
# compiler command each: build.sh ARCH VERSION INIT_OUT GPU_OUT
# ARCH is x86_64 or aarch64; the same sources give the same bytes in any folder.
set -eu
arch=$1 version=$2 init_out=$(realpath -m "$3") gpu_out=$(realpath -m "$4")
cd "$(dirname "$0")"
export LC_ALL=C

case $arch in
x86_64)
	triplet=x86_64-linux-gnu
	loader=/lib64/ld-linux-x86-64.so.2
	code=separate-code
	;;
aarch64)
	triplet=aarch64-linux-gnu
	loader=/lib/ld-linux-aarch64.so.1
	# Segments are laid out for pages of 64 KiB; each of its own in the file
	# would be mostly padding.
	code=noseparate-code
	;;
*)
	echo "build.sh: no recipe for the architecture '$arch'" >&2
	exit 2
	;;
esac
cc=$triplet-gcc
musl=/usr/lib/$arch-linux-musl
common="-std=gnu17 -Os -Wall -Wextra -D_GNU_SOURCE -DSLIPWAY_VERSION=$version
	-fno-asynchronous-unwind-tables -fno-common
	-fstack-protector-strong -ffunction-sections -fdata-sections
	-Wl,--gc-sections,--build-id=none,-s -Wl,-z,relro,-z,now
	-Wl,-z,noexecstack,-z,$code"

# shellcheck disable=SC2086,SC2046 # lists of flags and files
$cc $common -nostdinc -isystem "/usr/include/$arch-linux-musl" \
	-isystem "$($cc -print-file-name=include)" \
	-fPIE -static-pie -nostdlib -o "$init_out" \
	"$musl/rcrt1.o" "$musl/crti.o" $(printf '%s\n' *.c | sort) \
	"$musl/libc.a" "$($cc -print-libgcc-file-name)" "$musl/crtn.o"

# Bound to the oldest version of each symbol (gpu/symbols.h), so that the helper
# runs on any glibc; without the compiler's start files, which bind to the
# newest.
# shellcheck disable=SC2086
$cc $common -fPIE -pie -nostartfiles -o "$gpu_out" \
	-Wl,--dynamic-linker=$loader gpu/slipway-gpu.c \
	-Wl,--no-as-needed -l:libdl.so.2
