#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/linear_cases.h: what scikit-learn says about small generated tables.

    python3 tests/golden/make_linear.py > tests/golden/linear_cases.h

Only needed again when a case is added. The tables come from a generator that the test repeats bit
for bit. Preparation is written out in numpy: mean fill, standard scale by the present training
cells, missing indicators (left as they are) after the numeric columns.
"""
import math
import warnings

import numpy as np
import sklearn
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from tables import Gen, head

warnings.filterwarnings("ignore")


def table(rows, cols, classes, missing, seed):
    """x, y, w. classes 0: a value; else the index of the largest of `classes` noisy linear scores."""
    g = Gen(seed)
    k = max(classes, 1)
    coef = [[g.bell() for _ in range(cols)] for _ in range(k)]
    x = np.zeros((rows, cols))
    y = np.zeros(rows)
    w = np.zeros(rows)
    for i in range(rows):
        z = [g.bell() for _ in range(cols)]
        score = []
        for c in range(k):
            t = g.bell()
            for j in range(cols):
                t += coef[c][j] * z[j]
            score.append(t)
        y[i] = 10 + 3 * score[0] if classes == 0 else (float(score[0] > 0.5) if classes == 2 else max(range(k), key=lambda c: (score[c], -c)))
        w[i] = 0.5 + g.unit()
        for j in range(cols):
            x[i, j] = z[j] * (j + 1) + 5 * j if missing != 2 else z[j] * (j + 1) * 1000 + 50000 * j
            if missing == 1 and j % 3 == 1 and g.unit() < 0.2:
                x[i, j] = np.nan
    return x, y, w


def prepare(x, train, w, scaled=True):
    if not scaled:
        return x
    v = w[train]
    out = []
    nan = np.isnan(x)
    for j in range(x.shape[1]):
        p = train & ~nan[:, j]
        mean = np.average(x[p, j], weights=w[p])
        std = math.sqrt(np.average((x[p, j] - mean) ** 2, weights=w[p]))
        out.append(np.where(nan[:, j], 0, (x[:, j] - mean) / (std or 1)))
    for j in range(x.shape[1]):
        if nan[:, j].any():
            out.append(nan[:, j].astype(float))
    return np.array(out).T


def case(name, learner, shape, params, weighted, pred):
    rows, cols, classes, missing, seed = shape
    pairs = ", ".join('{"%s", %r}' % kv for kv in params.items())
    values = ", ".join("%.17g" % v for v in np.ravel(pred)[:24])
    print('    {"%s", "%s", %d, %d, %d, %d, %d, %d, {%s}, %d, {%s}},' % (
        name, learner, rows, cols, classes, missing, seed, weighted, pairs, min(24, np.size(pred)), values))


def fold0(rows):
    test = np.arange(rows) % 3 == 0
    return ~test, test


def fitted(shape, weighted):
    x, y, w = table(*shape)
    if not weighted:
        w = np.ones(len(y))
    train, test = fold0(shape[0])
    return prepare(x, train, w, shape[3] != 2), y, w, train, test


head("make_linear.py", sklearn.__version__)
print("static const struct linear_case linear_cases[] = {")
reg, holes, wide = (150, 6, 0, 0, 11), (150, 7, 0, 1, 12), (36, 60, 0, 0, 13)
for shape, tag in ((reg, "plain"), (holes, "missing"), (wide, "wide")):
    for weighted in (0, 1):
        z, y, w, train, test = fitted(shape, weighted)
        for l2 in (0.05, 1, 300):
            m = Ridge(alpha=l2, solver="cholesky").fit(z[train], y[train], sample_weight=w[train])
            case("ridge %s l2 %g" % (tag, l2), "ridge", shape, {"l2": l2}, weighted, m.predict(z[test]))
        sd = math.sqrt(np.average((y[train] - np.average(y[train], weights=w[train])) ** 2, weights=w[train]))
        for alpha, ratio in ((0.003, 0.5), (0.1, 0.9), (0.05, 1.0)):
            m = ElasticNet(alpha=alpha, l1_ratio=ratio, tol=1e-12, max_iter=1000000)
            m.fit(z[train], y[train] / sd, sample_weight=w[train])
            case("elastic net %s %g %g" % (tag, alpha, ratio), "elastic_net", shape, {"alpha": alpha, "l1_ratio": ratio}, weighted, m.predict(z[test]) * sd)
# missing == 2: large numbers, neither centred nor scaled
for l2 in (1, 1e7):
    shape = (150, 6, 0, 2, 14)
    z, y, w, train, test = fitted(shape, 0)
    m = Ridge(alpha=l2, solver="svd").fit(z[train], y[train])
    case("ridge raw l2 %g" % l2, "ridge", shape, {"l2": l2}, 0, m.predict(z[test]))
for shape in ((180, 5, 2, 2, 26), (240, 6, 4, 2, 27)):
    z, y, w, train, test = fitted(shape, 0)
    for l2 in (1, 1e7):
        s = 1000.0  # the same objective in coordinates that the solver can handle
        mu = z[train].mean(axis=0)
        m = LogisticRegression(C=s * s / l2, tol=1e-13, max_iter=100000, solver="newton-cholesky").fit((z[train] - mu) / s, y[train])
        case("logistic raw l2 %g" % l2, "logistic", shape, {"l2": l2}, 0, m.predict_proba((z[test] - mu) / s))
for shape, tag in (((180, 5, 2, 0, 21), "binary"), ((210, 7, 2, 1, 22), "binary missing"), ((240, 6, 4, 0, 23), "four classes"),
                   ((36, 50, 2, 0, 24), "wide"), ((210, 7, 3, 1, 25), "three missing")):
    for weighted in (0, 1):
        z, y, w, train, test = fitted(shape, weighted)
        for l2 in (0.03, 1, 20):
            m = LogisticRegression(C=1 / l2, tol=1e-12, max_iter=100000, solver="newton-cholesky").fit(z[train], y[train], sample_weight=w[train])
            case("logistic %s l2 %g" % (tag, l2), "logistic", shape, {"l2": l2}, weighted, m.predict_proba(z[test]))
        l1, l2 = 1.5, 0.5
        m = LogisticRegression(C=1 / (l1 + l2), l1_ratio=l1 / (l1 + l2), penalty="elasticnet", solver="saga", tol=1e-10, max_iter=2000000)
        m.fit(z[train], y[train], sample_weight=w[train])
        case("logistic %s l1 %g" % (tag, l1), "logistic", shape, {"l2": l2, "l1": l1}, weighted, m.predict_proba(z[test]))
for shape in ((180, 5, 2, 0, 21), (240, 6, 4, 0, 23)):
    for weighted in (0, 1):
        z, y, w, train, test = fitted(shape, weighted)
        for s in (1e-6, 0.1):
            m = GaussianNB(var_smoothing=s).fit(z[train], y[train], sample_weight=w[train])
            # scikit-learn takes the largest unweighted variance; ours is each column's weighted one (1 after scaling)
            if weighted:
                v = max(z[train].var(axis=0))
                m = GaussianNB(var_smoothing=s / v).fit(z[train], y[train], sample_weight=w[train])
            case("gaussian_nb %g" % s, "gaussian_nb", shape, {"var_smoothing": s}, weighted, m.predict_proba(z[test]))
        x, _, _ = table(*shape)
        counts = np.floor(np.abs(x)) * (np.arange(x.shape[1]) % 2 == 0) + (np.arange(x.shape[1]) % 2 == 1) * (x > 5)
        for a in (1.0, 0.1):
            m = MultinomialNB(alpha=a).fit(counts[train], y[train], sample_weight=w[train])
            case("multinomial_nb %g" % a, "multinomial_nb", shape, {"alpha": a}, weighted, m.predict_proba(counts[test]))
print("};")
