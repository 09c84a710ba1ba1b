# SPDX-License-Identifier: Apache-2.0
"""The generator of the golden tables, which the tests repeat bit for bit (fit_make_unit, fit_make_bell)."""
MASK = (1 << 64) - 1


class Gen:
    def __init__(self, seed):
        self.s = seed

    def unit(self):
        self.s = (self.s * 6364136223846793005 + 1442695040888963407) & MASK
        return (self.s >> 11) / 9007199254740992.0

    def bell(self):
        t = self.unit()
        for _ in range(3):
            t += self.unit()
        return 2 * (t - 2)


def head(script, version):
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* Written by tests/golden/%s with scikit-learn %s; do not edit. */" % (script, version))
    print("/* clang-format off */")


def row(values):
    return "{%s}" % ", ".join("%.9g" % v for v in values)
