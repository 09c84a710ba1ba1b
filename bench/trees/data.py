# SPDX-License-Identifier: Apache-2.0
"""Seeded tables for the tree benchmarks.

A table is a dict: x (float32 [rows, cols], NaN missing; category codes as numbers) or csr, y,
cat (indices of categorical columns), levels, task (binary, multiclass, regression), test (rows at
the end that are held out). `write` stores it for bench_trees, column-major.
"""
import os
import struct

import numpy as np


def dense(rows, cols, seed=1, missing=0.0):
    """Normal, log-normal and rounded columns; a smooth target with interactions; binary."""
    r = np.random.default_rng(seed)
    x = r.standard_normal((rows, cols), dtype=np.float32)
    third = cols // 4
    x[:, :third] = np.exp(x[:, :third])
    x[:, third : third + 3] = np.round(x[:, third : third + 3] * 4)
    z = x[:, third + 3 :]
    score = (
        z[:, 0] * z[:, 1]
        + np.sin(2 * z[:, 2])
        + 0.5 * np.minimum(x[:, 0], 3)
        + 0.7 * (z[:, 3] > 0.3) * z[:, 4]
        + 0.3 * x[:, third]
        + z[:, 5 : min(12, z.shape[1])] @ np.linspace(0.3, 0.05, min(12, z.shape[1]) - 5).astype(np.float32)
    )
    y = (score - np.median(score) + r.logistic(size=rows) > 0).astype(np.float64)
    if missing:
        x[r.random(x.shape, dtype=np.float32) < missing] = np.nan
    return {"x": x, "y": y, "cat": [], "levels": [], "task": "binary"}


def mixed(rows=60000, cols=100, seed=2):
    """92 numbers with missing cells and 8 categorical columns of 10 to 5,000 levels with effects of their own."""
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
    t["y"] = ((t["y"] - 0.5) * 2 + score + r.logistic(size=rows) > 0).astype(np.float64)
    t["x"] = np.column_stack([t["x"]] + codes).astype(np.float32)
    t["cat"] = list(range(cols - 8, cols))
    t["levels"] = levels
    return t


def sparse(rows=220000, cols=2000, per_row=30, seed=3):
    """Indicator and count columns, mostly absent; returns CSR arrays beside y."""
    r = np.random.default_rng(seed)
    p = 1.0 / np.arange(1, cols + 1) ** 0.7
    p /= p.sum()
    indices = np.sort(r.choice(cols, (rows, per_row), p=p), axis=1)
    first = np.ones_like(indices, dtype=bool)
    first[:, 1:] = indices[:, 1:] != indices[:, :-1]
    values = np.where(indices % 3 == 0, r.integers(1, 6, indices.shape), 1).astype(np.float32)
    w = r.standard_normal(cols) * (np.arange(cols) % 5 == 0)
    score = (w[indices] * values * first).sum(1)
    y = (score - np.median(score) + r.logistic(size=rows) > 0).astype(np.float64)
    indptr = np.concatenate([[0], np.cumsum(first.sum(1))]).astype(np.int64)
    return {
        "indptr": indptr, "indices": indices[first].astype(np.int32), "values": values[first], "y": y,
        "shape": (rows, cols), "cat": [], "levels": [], "task": "binary",
    }


def classes(rows, cols, k, seed=4):
    """k Gaussian classes with two clusters each and noise columns."""
    r = np.random.default_rng(seed)
    y = r.integers(0, k, rows)
    inform = max(8, cols // 3)
    centre = r.standard_normal((k, 2, inform)) * 1.1
    x = r.standard_normal((rows, cols)).astype(np.float32)
    x[:, :inform] += centre[y, r.integers(0, 2, rows)].astype(np.float32)
    return {"x": x, "y": y.astype(np.float64), "cat": [], "levels": [], "task": "multiclass"}


TASKS = {"regression": 0, "binary": 1, "multiclass": 2}


def write(t, path, test_share=0.1):
    """Magic, rows, cols, test rows, task, classes, sparse flag, levels per column, then the cells and y."""
    rows, cols = t["shape"] if "indptr" in t else t["x"].shape
    levels = np.zeros(cols, dtype=np.int32)
    for j, n in zip(t["cat"], t["levels"]):
        levels[j] = n
    k = 0 if t["task"] == "regression" else int(t["y"].max()) + 1
    t["test"] = int(rows * test_share)
    tmp = path + ".tmp"
    with open(tmp, "wb") as f:
        f.write(struct.pack("<8sQQQiiii", b"ASYBENCH", rows, cols, t["test"], TASKS[t["task"]], k, int("indptr" in t), 0))
        levels.tofile(f)
        if "indptr" in t:
            t["indptr"].tofile(f)
            t["indices"].tofile(f)
            t["values"].tofile(f)
        else:
            for j in range(cols):
                np.ascontiguousarray(t["x"][:, j]).tofile(f)
        t["y"].astype(np.float64).tofile(f)
    os.replace(tmp, path)
