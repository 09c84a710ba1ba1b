#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/neighbors_cases.h: what scikit-learn's nearest neighbours say about small generated tables.

    python3 tests/golden/make_neighbors.py > tests/golden/neighbors_cases.h

Only needed again when a case is added. The test repeats the generator bit for bit. Preparation is written
out in numpy: mean fill, standard scale by the present training cells, missing indicators as they are.
"""
import numpy as np
import sklearn
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from tables import Gen, head

ROWS, COLS, FOLDS = 72, 5, 3


def table(classes, missing, seed):
    """Rows 20 and 40 copy row 0, so that a distance of 0 occurs (their answers too: the order of ties is open)."""
    g = Gen(seed)
    x, y = np.zeros((ROWS, COLS)), np.zeros(ROWS)
    for i in range(ROWS):
        score = 0.0
        for j in range(COLS):
            z = g.bell()
            score += z * (1 if j % 2 else -1)
            x[i, j] = z * (j + 1) + 5 * j
            if missing and j == 1 and g.unit() < 0.25:
                x[i, j] = np.nan
        y[i] = 10 + score if not classes else (float(score > 0) if classes == 2 else float((score > -1) + (score > 1)))
    x[20] = x[0]
    x[40] = x[0]
    y[20] = y[40] = y[0]
    return x, y


def prepared(x, train):
    z = np.zeros_like(x)
    masks = []
    for j in range(COLS):
        t = x[train, j]
        t = t[~np.isnan(t)]
        mean, sd = t.mean(), t.std()
        z[:, j] = np.where(np.isnan(x[:, j]), 0, (x[:, j] - mean) / sd)
        if np.isnan(x[:, j]).any():
            masks.append(np.isnan(x[:, j]).astype(float))
    return np.column_stack([z] + masks)


head("make_neighbors.py", sklearn.__version__)
print("static const struct neighbors_case neighbors_cases[] = {")
for classes in (0, 2, 3):
    for missing in (0, 1):
        x, y = table(classes, missing, 21 + classes)
        test = np.arange(ROWS) % FOLDS == 1
        train = ~test
        z = prepared(x, train)
        for k in (1, 6, 48):
            for weights in ("uniform", "distance"):
                m = (KNeighborsClassifier if classes else KNeighborsRegressor)(n_neighbors=k, weights=weights, algorithm="brute")
                m.fit(z[train], y[train])
                p = (m.predict_proba(z[test]) if classes else m.predict(z[test]).reshape(-1, 1)).ravel()
                print('    {%d, %d, %d, %d, "%s", %d, {%s}},' % (classes, missing, 21 + classes, k, weights, len(p), ", ".join("%.9g" % v for v in p)))
print("};")
