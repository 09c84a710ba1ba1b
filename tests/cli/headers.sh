#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The public header and the contracts for implementers compile alone, as C11 and as C++11.
. "$(dirname "$0")/lib.sh"
for header in "$root"/include/assay/*.h "$root"/include/assay/ext/*.h; do
    name=${header#"$root"/include/}
    check "$name as C11" gcc -x c -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$root/include" "$header"
    check "$name as C++11" g++ -x c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$root/include" "$header"
done
finish
