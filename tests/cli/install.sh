#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Libraries show assay_* alone; an installed tree compiles, links statically and dynamically, and runs.
. "$(dirname "$0")/lib.sh"
others() { nm -g --defined-only "$@" | awk 'NF==3 && $3 !~ /^assay_/ && $3 !~ /^__?(asan|ubsan|odr_asan)/ {print $3}'; }
check 'static library shows assay_* alone' test -z "$(others "$build/libassay.a")"
check 'shared library shows assay_* alone' test -z "$(others -D "$build/libassay.so")"
for name in $(grep -o '\bassay_[a-z_0-9]*(' "$root/include/assay/assay.h" | tr -d '(' | grep -v '_fn$' | sort -u); do
    nm -D --defined-only "$build/libassay.so" | grep -q " T $name\$" || bad 'shared library' "lacks $name"
done
plain=$work/plain
if [ "$(basename "$build")" = asan ]; then
    skip 'installed tree' 'sanitizers; make check-install runs it'
else
    check 'make install' make -s -C "$root" B="$build" install PREFIX=/usr DESTDIR="$plain"
    for file in bin/assay lib/libassay.a lib/libassay.so lib/libassay.so.0 include/assay/assay.h lib/pkgconfig/assay.pc share/man/man1/assay.1; do
        check "installs $file" test -e "$plain/usr/$file"
    done
    export PKG_CONFIG_PATH=$plain/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$plain
    check 'links the shared library' cc -o shared "$root/examples/c/classify.c" $(pkg-config --cflags --libs assay) -lm
    expect 'runs with the shared library' 0 env LD_LIBRARY_PATH="$plain/usr/lib" ./shared
    needs=$(pkg-config --static --libs assay | sed 's|-lassay||')
    check 'links the static library' cc -o static "$root/examples/c/classify.c" $(pkg-config --cflags assay) "$plain/usr/lib/libassay.a" $needs
    expect 'runs with the static library' 0 ./static
    expect 'runs as installed' 0 "$plain/usr/bin/assay" --version
fi
finish
