# SPDX-License-Identifier: Apache-2.0
"""Tables of the tree benchmarks: seeded generators, and the file that all contenders read.

A table is a dict: x (float32 [rows, cols] or scipy CSR; missing cells NaN, category codes as numbers), y (float64: value
or class index), cat (indices of categorical columns), levels (of each of those), task (binary, multiclass, regression),
train (how many rows, from the first, are for fitting; the others are held out).
"""
import os
import struct

import numpy as np
import scipy.sparse

TASKS = ["regression", "binary", "multiclass"]
HEAD = "<8sQQQiiii"
MAGIC = b"ASYBENCH"
VERSION = 1  # of the generators: part of the name of a stored table


def table(x, y, task="binary", cat=(), levels=(), train=None):
    rows = x.shape[0]
    return {"x": x, "y": np.asarray(y, np.float64), "task": task, "cat": list(cat), "levels": list(levels), "train": rows * 9 // 10 if train is None else train}


def classes_of(t):
    return 0 if t["task"] == "regression" else int(t["y"].max()) + 1


def sample(t, seed, train, test):
    """Rows drawn without replacement: `train` for fitting, `test` held out (shares of all rows when there are fewer)."""
    rows = t["x"].shape[0]
    test = min(test, rows // 5)
    train = min(train, rows - test)
    at = np.random.default_rng(seed).permutation(rows)[: train + test]
    return dict(t, x=t["x"][at], y=t["y"][at], train=train)


# ---- generators ------------------------------------------------------------------------


def dense(rows, cols, seed=1, missing=0.0):
    """Normal, log-normal and rounded columns; a smooth target with interactions; two classes."""
    r = np.random.default_rng(seed)
    x = r.standard_normal((rows, cols), dtype=np.float32)
    third = cols // 4
    x[:, :third] = np.exp(x[:, :third])
    x[:, third : third + 3] = np.round(x[:, third : third + 3] * 4)
    z = x[:, third + 3 :]
    linear = min(12, z.shape[1])
    score = (
        z[:, 0] * z[:, 1] + np.sin(2 * z[:, 2]) + 0.5 * np.minimum(x[:, 0], 3) + 0.7 * (z[:, 3] > 0.3) * z[:, 4] + 0.3 * x[:, third]
        + z[:, 5:linear] @ np.linspace(0.3, 0.05, linear - 5).astype(np.float32)
    )
    y = score - np.median(score) + r.logistic(size=rows) > 0
    if missing:
        x[r.random(x.shape, dtype=np.float32) < missing] = np.nan
    return table(x, y)


def mixed(rows, cols=100, seed=2):
    """Numbers with missing cells and 8 categorical columns of 10 to 5,000 levels with effects of their own."""
    r = np.random.default_rng(seed)
    t = dense(rows, cols - 8, seed, 0.05)
    levels = [10, 20, 50, 100, 300, 1000, 2000, 5000]
    score = np.zeros(rows)
    codes = []
    for n in levels:
        p = 1.0 / np.arange(1, n + 1) ** 0.8
        c = r.choice(n, rows, p=p / p.sum())
        score += r.standard_normal(n)[c] * 0.5
        codes.append(c.astype(np.float32))
    y = (t["y"] - 0.5) * 2 + score + r.logistic(size=rows) > 0
    return table(np.column_stack([t["x"]] + codes), y, cat=range(cols - 8, cols), levels=levels)


def sparse(rows, cols=2000, per_row=30, seed=3):
    """Indicator and count columns, mostly absent."""
    r = np.random.default_rng(seed)
    p = 1.0 / np.arange(1, cols + 1) ** 0.7
    indices = np.sort(r.choice(cols, (rows, per_row), p=p / p.sum()), axis=1)
    first = np.ones_like(indices, dtype=bool)
    first[:, 1:] = indices[:, 1:] != indices[:, :-1]
    values = np.where(indices % 3 == 0, r.integers(1, 6, indices.shape), 1).astype(np.float32)
    w = r.standard_normal(cols) * (np.arange(cols) % 5 == 0)
    score = (w[indices] * values * first).sum(1)
    y = score - np.median(score) + r.logistic(size=rows) > 0
    indptr = np.concatenate([[0], np.cumsum(first.sum(1))])
    return table(scipy.sparse.csr_matrix((values[first], indices[first].astype(np.int32), indptr), shape=(rows, cols)), y)


def classes(rows, cols, k, seed=4):
    """k Gaussian classes with two clusters each, and noise columns."""
    r = np.random.default_rng(seed)
    y = r.integers(0, k, rows)
    inform = max(8, cols // 3)
    centre = r.standard_normal((k, 2, inform)) * 1.1
    x = r.standard_normal((rows, cols)).astype(np.float32)
    x[:, :inform] += centre[y, r.integers(0, 2, rows)].astype(np.float32)
    return table(x, y, "multiclass")


# ---- the file ------------------------------------------------------------------------------


def write(t, path):
    """Head, levels of each column (0: a number), cells column by column or CSR, y."""
    x, (rows, cols) = t["x"], t["x"].shape
    levels = np.zeros(cols, np.int32)
    levels[t["cat"]] = t["levels"]
    csr = scipy.sparse.issparse(x)
    with open(path + ".tmp", "wb") as f:
        f.write(struct.pack(HEAD, MAGIC, rows, cols, rows - t["train"], TASKS.index(t["task"]), classes_of(t), int(csr), 0))
        levels.tofile(f)
        if csr:
            for part, kind in ((x.indptr, np.int64), (x.indices, np.int32), (x.data, np.float32)):
                part.astype(kind).tofile(f)
        else:
            for j in range(cols):
                np.ascontiguousarray(x[:, j], np.float32).tofile(f)
        t["y"].tofile(f)
    os.replace(path + ".tmp", path)
    return path


def read(path):
    with open(path, "rb") as f:
        _, rows, cols, test, task, k, csr, _ = struct.unpack(HEAD, f.read(struct.calcsize(HEAD)))
        levels = np.fromfile(f, np.int32, cols)
        if csr:
            indptr = np.fromfile(f, np.int64, rows + 1)
            indices = np.fromfile(f, np.int32, indptr[-1])
            x = scipy.sparse.csr_matrix((np.fromfile(f, np.float32, indptr[-1]), indices, indptr), shape=(rows, cols))
        else:
            x = np.empty((rows, cols), np.float32)
            for j in range(cols):
                x[:, j] = np.fromfile(f, np.float32, rows)
        y = np.fromfile(f, np.float64, rows)
    cat = np.nonzero(levels)[0]
    return {"x": x, "y": y, "task": TASKS[task], "classes": k, "cat": cat.tolist(), "levels": levels[cat].tolist(), "train": rows - test}
