#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/tree_cases.h: what scikit-learn's decision trees say of the rows they were trained on.

    python3 tests/golden/make_tree.py > tests/golden/tree_cases.h

Only needed again when a case is added. Columns have few distinct values, so that bins are exact. Equally good
splits are an open choice: a case where the order of columns decides is left out, here and in the test.
"""
import numpy as np
import sklearn
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from tables import Gen, head, row

ROWS, COLS = 60, 4


def table(classes, seed):
    """x, y, w: x has some 40 values a column; y is not linear in them."""
    g = Gen(seed)
    x, y, w = np.zeros((ROWS, COLS)), np.zeros(ROWS), np.zeros(ROWS)
    for i in range(ROWS):
        for j in range(COLS):
            x[i, j] = np.floor(40 * g.unit())
        score = abs(x[i, 0] - 20) / 8 + (2 if x[i, 1] > 25 else 0) + g.bell()
        y[i] = score if not classes else (float(score > 2) if classes == 2 else float(int(score > 1) + int(score > 2.5)))
        w[i] = 0.5 + g.unit()
    return x, y, w


head("make_tree.py", sklearn.__version__)
print("static const struct tree_case tree_cases[] = {")
kept = 0
for classes in (0, 2, 3):
    for seed in range(31, 39):
        for depth, leaf in ((1, 1), (3, 4), (0, 5), (0, 1)):
            for criterion in ("gini", "entropy") if classes else ("squared_error",):
                for weighted in (0, 1):
                    if weighted and leaf > 1:
                        continue  # beyond one row, what a leaf needs is rows in one and weights in the other
                    x, y, w = table(classes, seed)
                    said = []
                    for order in range(12):
                        t = (DecisionTreeClassifier if classes else DecisionTreeRegressor)(
                            criterion=criterion, max_depth=depth or None, min_samples_leaf=leaf, random_state=order)
                        t.fit(x, y, sample_weight=w if weighted else None)
                        said.append((t.predict_proba(x) if classes else t.predict(x)).ravel())
                    if any(np.abs(s - said[0]).max() > 1e-12 for s in said):
                        continue
                    p = said[0]
                    if classes == 2:
                        p = p.reshape(-1, 2)[:, 1]
                    kept += 1
                    if seed > 33 and kept % 5:
                        continue
                    print('    {%d, %d, %d, %d, %d, "%s", %d, %s},' % (classes, seed, depth, leaf, weighted, criterion if classes else "gini", len(p), row(p)))
print("};")
