#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/metrics_cases.h: what scikit-learn 1.2.1 (Debian 12, python3-sklearn) says.

    /usr/bin/python3 tests/golden/make_metrics.py > tests/golden/metrics_cases.h

Only needed again when a case is added. The Brier score of more than two classes came to
scikit-learn later; its value here is written out in numpy.
"""
import warnings

import numpy as np
import sklearn
from sklearn import metrics as M

warnings.filterwarnings("ignore")
rng = np.random.RandomState(20240607)
cases = []


def classes_case(name, y, p, w=None, positive=None):
    k = p.shape[1]
    pred = p.argmax(axis=1)
    a = dict(sample_weight=w)
    s = {
        "accuracy": M.accuracy_score(y, pred, **a),
        "balanced_accuracy": M.balanced_accuracy_score(y, pred, **a),
        "f1_macro": M.f1_score(y, pred, average="macro", zero_division=0, **a),
        "mcc": M.matthews_corrcoef(y, pred, **a),
        "log_loss": M.log_loss(y, p, labels=list(range(k)), **a),
    }
    if k == 2:
        q = p[:, positive]
        s["f1"] = M.f1_score(y, pred, pos_label=positive, zero_division=0, **a)
        s["brier"] = M.brier_score_loss(y, q, pos_label=positive, **a)
        s["average_precision"] = M.average_precision_score(y, q, pos_label=positive, **a)
        if len(np.unique(y)) == 2:
            s["roc_auc"] = s["roc_auc_ovr"] = M.roc_auc_score(y == positive, q, **a)
    else:
        s["brier"] = np.average(((p - np.eye(k)[y]) ** 2).sum(axis=1), weights=w)
        if len(np.unique(y)) == k:
            s["roc_auc_ovr"] = M.roc_auc_score(y, p, multi_class="ovr", average="macro", **a)
    cases.append((name, k, positive or 0, y.astype(float), p, w, s))


def values_case(name, y, p, w=None):
    a = dict(sample_weight=w)
    s = {
        "rmse": M.mean_squared_error(y, p, squared=False, **a),
        "mae": M.mean_absolute_error(y, p, **a),
        "r2": M.r2_score(y, p, **a),
        "mape": M.mean_absolute_percentage_error(y, p, **a),
        "median_ae": M.median_absolute_error(y, p, **a),
    }
    if (y >= 0).all() and (p >= 0).all():
        s["rmsle"] = M.mean_squared_log_error(y, p, squared=False, **a)
    cases.append((name, 1, 0, y, p[:, None], w, s))


def proba(n, k, y, skill, grid=None):
    z = rng.normal(size=(n, k)) + skill * np.eye(k)[y]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    if grid:  # few distinct values: ties
        q = np.round(p[:, 1] * grid) / grid
        p = np.stack([1 - q, q], axis=1)
    return p


def weights(n, zeros=False):
    w = np.round(rng.uniform(0.1, 4, n), 3)
    if zeros:
        w[rng.permutation(n)[: n // 5]] = 0
    return w


for n, skill, grid in ((37, 1.0, None), (60, 0.5, 8), (150, 2.0, 64), (97, 0.0, None)):
    y = (rng.uniform(size=n) < 0.35).astype(int)
    y[:2] = (0, 1)
    p = proba(n, 2, y, skill, grid)
    for w in (None, weights(n), weights(n, True)):
        for positive in (0, 1):
            kind = "plain" if w is None else "zeros" if (w == 0).any() else "weighted"
            classes_case(f"binary {n} {kind} positive {positive}", y, p, w, positive)

y = np.array([0, 1, 1, 0, 1])
sure = np.array([[1, 0], [0, 1], [1, 0], [0, 1], [0.5, 0.5]])
classes_case("binary certain, right and wrong", y, sure, None, 1)
classes_case("binary constant prediction", y, np.full((5, 2), 0.5), None, 1)
classes_case("binary one class in the truth", np.ones(5, int), proba(5, 2, np.ones(5, int), 1), None, 1)
classes_case("binary no positive in the truth", np.zeros(6, int), proba(6, 2, np.zeros(6, int), 0), None, 1)

for n, k, skill in ((45, 3, 1.0), (120, 5, 0.7), (90, 4, 0.0)):
    y = rng.randint(0, k, n)
    y[:k] = np.arange(k)
    p = proba(n, k, y, skill)
    for w in (None, weights(n), weights(n, True)):
        kind = "plain" if w is None else "zeros" if (w == 0).any() else "weighted"
        classes_case(f"{k} classes {n} {kind}", y, p, w)
y = rng.choice([0, 2], 30)
classes_case("4 classes, two of them absent", y, proba(30, 4, y, 0.5))
p = np.zeros((30, 4))
p[:, 2] = 1
classes_case("4 classes, one prediction for all", y, p, weights(30))

for n, scale in ((41, 1.0), (80, 1e6), (101, 1e-4)):
    y = np.abs(rng.normal(size=n)) * scale
    p = np.abs(y + 0.3 * scale * rng.normal(size=n))
    for w in (None, weights(n), weights(n, True)):
        kind = "plain" if w is None else "zeros" if (w == 0).any() else "weighted"
        values_case(f"values {n} scale {scale:g} {kind}", y, p, w)
y = rng.normal(size=50)
values_case("values of both signs", y, y + rng.normal(size=50), weights(50))
y = y.copy()
y[::7] = 0
values_case("values with zeros", y, y + 0.1 * rng.normal(size=50))
values_case("constant truth", np.full(9, 3.0), np.arange(9.0))
values_case("constant truth, met", np.full(9, 3.0), np.full(9, 3.0))
values_case("perfect", y, y.copy(), weights(50))
values_case("far from 0", 1e8 + rng.normal(size=64), 1e8 + rng.normal(size=64))


def row(a):
    return ", ".join(repr(float(v)) for v in np.ravel(a))


print("/* SPDX-License-Identifier: Apache-2.0 */")
print(f"/* Written by tests/golden/make_metrics.py with scikit-learn {sklearn.__version__}; do not edit. */")
print("/* clang-format off */")
print("struct metrics_case {\n    const char *name;\n    int outputs, positive;\n    size_t n;")
print("    const double *y, *pred, *weight;\n    struct {\n        const char *metric;\n        double score;\n    } expect[12];\n};\n")
seen = {}


def array(a):
    key = row(a)
    if key not in seen:
        seen[key] = f"v{len(seen)}"
        print(f"static const double {seen[key]}[] = {{{key}}};")
    return seen[key]


table = []
for name, k, positive, y, p, w, s in cases:
    names = array(y), array(p), "NULL" if w is None else array(w)
    expect = ", ".join(f'{{"{m}", {v!r}}}' for m, v in ((m, float(v)) for m, v in s.items()))
    table.append(f'    {{"{name}", {k}, {positive}, {len(y)}, {", ".join(names)}, {{{expect}}}}},')
print("\nstatic const struct metrics_case metrics_cases[] = {")
print("\n".join(table))
print("};")
