#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/scale_cases.h: the constants of scikit-learn's imputers and scalers for the columns of a table.

    python3 tests/golden/make_scale.py > tests/golden/scale_cases.h

Only needed again when a case is added. Scalers are fitted on the present cells of the training rows, as Assay's are.
"""
import numpy as np
import sklearn
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from tables import Gen, head, row

ROWS, COLS, FOLDS = 75, 6, 3


def table(seed):
    """Columns of very different size and centre, one of few values, one constant, one with a heavy tail; cells missing."""
    g = Gen(seed)
    x, w = np.zeros((ROWS, COLS)), np.zeros(ROWS)
    for i in range(ROWS):
        z = [g.bell() for _ in range(COLS)]
        x[i] = [z[0], 1e6 + 3 * z[1], 1e-5 * z[2], np.floor(2 * z[3]), 4, z[5] * z[5] * z[5]]
        for j in (1, 3, 5):
            if g.unit() < 0.2:
                x[i, j] = np.nan
        w[i] = 0.5 + g.unit()
    return x, w


head("make_scale.py", sklearn.__version__)
print("static const struct scale_case scale_cases[] = {")
for seed in (3, 4, 5):
    for weighted in (0, 1):
        x, w = table(seed)
        train = np.arange(ROWS) % FOLDS != 1
        for strategy in ("mean", "median", "constant"):
            fill = SimpleImputer(strategy=strategy, fill_value=2.5).fit(x[train]).statistics_
            if weighted and strategy == "median":
                continue  # scikit-learn weighs neither
            if weighted and strategy == "mean":
                fill = [np.average(c[~np.isnan(c)], weights=w[train][~np.isnan(c)]) for c in x[train].T]
            for kind in ("standard", "robust", "minmax", "none"):
                if weighted and kind == "robust":
                    continue
                centre, scale = np.zeros(COLS), np.ones(COLS)
                if kind == "standard":
                    s = StandardScaler().fit(x[train], sample_weight=w[train] if weighted else None)
                    centre, scale = s.mean_, s.scale_
                elif kind == "robust":
                    s = RobustScaler().fit(x[train])
                    centre, scale = s.center_, s.scale_
                elif kind == "minmax":
                    s = MinMaxScaler().fit(x[train])
                    centre, scale = s.data_min_, 1 / s.scale_
                print('    {%d, %d, "%s", "%s", %s, %s, %s},' % (seed, weighted, strategy, kind, *(
                    "{%s}" % ", ".join("%.17g" % v for v in a) for a in (fill, centre, scale))))
print("};")
