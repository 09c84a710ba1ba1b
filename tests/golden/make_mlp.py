#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/mlp_cases.h: what scikit-learn's perceptron makes of given weights.

    python3 tests/golden/make_mlp.py > tests/golden/mlp_cases.h

Only needed again when a case is added. For rows and weights of the generator: outputs, the mean loss, and its
gradient by every weight, by scikit-learn's own passes, without penalty.
"""
import warnings

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier, MLPRegressor
from tables import Gen, head, row

warnings.filterwarnings("ignore")
ROWS, COLS, WIDTH = 9, 3, 4

head("make_mlp.py", sklearn.__version__)
print("static const struct mlp_case mlp_cases[] = {")
for classes in (0, 2, 4):
    for hidden in (1, 2, 3):
        g = Gen(60 + classes)
        x = np.array([[g.bell() for _ in range(COLS)] for _ in range(ROWS)])
        y = np.array([g.bell() if not classes else float(i % classes) for i in range(ROWS)])
        dims = [COLS] + [WIDTH] * hidden + [classes if classes > 2 else 1]
        coefs, intercepts = [], []
        for a, b in zip(dims, dims[1:]):
            coefs.append(np.array([[0.5 * g.bell() for _ in range(b)] for _ in range(a)]))
            intercepts.append(np.array([0.5 * g.bell() for _ in range(b)]))
        m = (MLPClassifier if classes else MLPRegressor)(hidden_layer_sizes=(WIDTH,) * hidden, alpha=0, max_iter=1, random_state=0)
        m.fit(x, y)
        m.coefs_, m.intercepts_ = coefs, intercepts
        outputs = (m.predict_proba(x) if classes else m.predict(x)).ravel()
        activations = [x] + [np.empty((ROWS, d)) for d in dims[1:]]
        deltas = [np.empty_like(a) for a in activations[1:]]
        grads, igrads = [np.empty_like(c) for c in coefs], [np.empty_like(c) for c in intercepts]
        target = y.reshape(-1, 1) if not classes else m._label_binarizer.transform(y).astype(float)
        activations = m._forward_pass(activations)
        loss, grads, igrads = m._backprop(x, target, None, activations, deltas, grads, igrads)
        gradient = np.concatenate([np.concatenate([c.ravel(), i]) for c, i in zip(grads, igrads)])
        print("    {%d, %d, %.12g, %d, %s, %d, %s}," % (classes, hidden, loss, len(outputs), row(outputs), len(gradient), row(gradient)))
print("};")
