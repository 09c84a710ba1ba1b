# SPDX-License-Identifier: Apache-2.0
"""Real tables: those of ASSAY_DATA_DIR (its INDEX.tsv and SCHEMA.tsv say what is what) and LetterRecognition of Debian's r-cran-mlbench.

Train and test files are read as one table; the benchmarks draw their own splits. Categories become codes in sorted order, dates
become day, month, weekday and hour, texts are left out.
"""
import csv
import os

import numpy as np
import pandas as pd
import scipy.sparse

from tables import table

LARGER = ["credit_default", "beijing_pm25", "magic", "phishing", "mammography", "employee_salaries", "optdigits"]
LETTERS = ["/usr/lib/R/site-library/mlbench/data/LetterRecognition.rda", "/usr/lib/R/library/mlbench/data/LetterRecognition.rda"]


def rows_of(path):
    with open(path, newline="") as f:
        return list(csv.DictReader(f, delimiter="\t"))


def shared(data_dir, name):
    """One set of ASSAY_DATA_DIR."""
    about = next(r for r in rows_of(os.path.join(data_dir, "INDEX.tsv")) if r["name"] == name)
    kinds = {r["column"]: r["type"] for r in rows_of(os.path.join(data_dir, "SCHEMA.tsv")) if r["name"] == name}
    d = pd.concat([pd.read_csv(os.path.join(data_dir, f"{name}.{part}.csv")) for part in ("train", "test")], ignore_index=True)
    d = d[d[about["target"]].notna()]
    columns, cat, levels = [], [], []
    for c in d.columns:
        kind = kinds.get(c, "numeric")
        if c == about["target"] or kind == "text":
            continue
        if kind == "categorical":
            code, names = pd.factorize(d[c].astype("string"), sort=True)
            cat.append(len(columns))
            levels.append(len(names))
            columns.append(np.where(code < 0, np.nan, code))
        elif kind == "datetime":
            t = pd.to_datetime(d[c], format="mixed")
            columns += [(t - t.min()).dt.days, t.dt.month, t.dt.dayofweek, t.dt.hour]
        else:
            columns.append(pd.to_numeric(d[c], errors="coerce"))
    x = np.column_stack([np.asarray(v, np.float32) for v in columns])
    regression = about["task"] in ("regression", "forecast")
    y = d[about["target"]].to_numpy(np.float64) if regression else pd.factorize(d[about["target"]], sort=True)[0]
    task = "regression" if regression else "binary" if y.max() == 1 else "multiclass"
    return table(x, y, task, cat, levels)


def agaricus(data_dir):
    """The sparse set: lines of `label column:value ...`."""
    y, indptr, indices, values = [], [0], [], []
    for part in ("train", "test"):
        with open(os.path.join(data_dir, f"agaricus.{part}.libsvm")) as f:
            for line in f:
                label, *cells = line.split()
                y.append(float(label))
                for cell in cells:
                    j, v = cell.split(":")
                    indices.append(int(j) - 1)
                    values.append(float(v))
                indptr.append(len(indices))
    x = scipy.sparse.csr_matrix((np.array(values, np.float32), np.array(indices, np.int32), np.array(indptr)), shape=(len(y), max(indices) + 1))
    return table(x, np.array(y))


def letters(extra=None):
    """20,000 x 16, 26 classes; None when the file is nowhere."""
    path = next((p for p in ([extra] if extra else []) + LETTERS if os.path.exists(p)), None)
    if not path:
        return None
    import pyreadr

    d = next(iter(pyreadr.read_r(path).values()))
    y = pd.factorize(d.iloc[:, 0].astype("string"), sort=True)[0]
    return table(d.iloc[:, 1:].to_numpy(np.float32), y, "multiclass")
