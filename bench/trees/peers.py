# SPDX-License-Identifier: Apache-2.0
"""The peers' side: `peers.py NAME` answers JSON commands line by line, as the worker in C does.

A command is {"do": method, "with": arguments}; the answer holds seconds, cpu and what the method returned. Methods that
prepare without being measured do so before they start the clock of `timed`.
"""
import ctypes
import json
import os
import sys
import time

import numpy as np

import tables

MIN_ROWS, L2, RATE = 20, 0.001, 0.1


def timed(do):
    t, cpu = time.perf_counter(), time.process_time()
    value = do()
    return {"seconds": time.perf_counter() - t, "cpu": time.process_time() - cpu}, value


def resident(field):
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith(field + ":"))


class Peer:
    def load(self, path):
        self.t = tables.read(path)
        self.x, self.y, self.n, self.k = self.t["x"], self.t["y"], self.t["train"], self.t["classes"]
        self.train, self.held = self.x[: self.n], self.x[self.n :]

    def memory(self):
        with open("/proc/self/clear_refs", "w") as f:
            f.write("5")
        return {"bytes": resident("VmRSS")}

    def peak(self):
        return {"bytes": resident("VmHWM")}

    def score(self):
        """Log loss and accuracy, or root mean square error, on the held-out rows."""
        y, p = self.y[self.n :], self.proba(self.held)
        if self.t["task"] == "regression":
            return {"loss": float(np.sqrt(np.mean((y - p) ** 2))), "accuracy": 0.0}
        if p.ndim == 1:
            p = np.column_stack([1 - p, p])
        right = p[np.arange(len(y)), y.astype(int)]
        return {"loss": float(-np.mean(np.log(np.maximum(right, 1e-15)))), "accuracy": float(np.mean(p.argmax(1) == y))}


class LightGBM(Peer):
    objective = {"regression": "regression", "binary": "binary", "multiclass": "multiclass"}

    def __init__(self):
        import lightgbm

        self.lgb = lightgbm

    def bin(self, threads):
        p = {"max_bin": 255, "num_threads": threads, "verbose": -1}
        make = lambda: self.lgb.Dataset(self.train, self.y[: self.n], categorical_feature=self.t["cat"] or "auto", params=p).construct()
        took, self.d = timed(make)
        return took

    def fit(self, threads, rounds, leaves, mode="row", seed=1):
        p = {"objective": self.objective[self.t["task"]], "num_leaves": leaves, "learning_rate": RATE, "min_data_in_leaf": MIN_ROWS, "lambda_l2": L2,
             "num_threads": threads, "seed": seed, "verbose": -1, "use_quantized_grad": "quantised" in mode,
             "force_row_wise": "row" in mode, "force_col_wise": "col" in mode}
        if self.t["task"] == "multiclass":
            p["num_class"] = self.k
        setup, self.m = timed(lambda: self.lgb.Booster(p, self.d))
        took, _ = timed(lambda: [self.m.update() for _ in range(rounds)])
        return dict(took, setup=setup["seconds"])

    def proba(self, x):
        return self.m.predict(x)

    def predict(self, threads, rows):
        x = self.x[:rows]
        return timed(lambda: self.m.predict(x, num_threads=threads))[0]

    def one(self):
        """One row by the fast path of its C API, without Python's wrapping."""
        import glob

        lib = ctypes.CDLL(next(p for pattern in ("lib/lib_lightgbm*", "bin/lib_lightgbm*", "lib_lightgbm*")
                               for p in glob.glob(os.path.join(os.path.dirname(self.lgb.__file__), pattern))))
        fast, out, size = ctypes.c_void_p(), (ctypes.c_double * max(1, self.k))(), ctypes.c_int64()
        row = np.ascontiguousarray(self.x[0], np.float32)
        if lib.LGBM_BoosterPredictForMatSingleRowFastInit(self.m._handle, 0, 0, 0, 0, ctypes.c_int32(len(row)), b"num_threads=1", ctypes.byref(fast)):
            raise RuntimeError("LightGBM's single row predictor does not start")
        at = [ctypes.c_void_p(self.x[i].ctypes.data) for i in range(0, 2000)]
        took, _ = timed(lambda: [lib.LGBM_BoosterPredictForMatSingleRowFast(fast, a, ctypes.byref(size), out) for a in at])
        return {"microseconds": took["cpu"] / len(at) * 1e6}


class XGBoost(Peer):
    objective = {"regression": "reg:squarederror", "binary": "binary:logistic", "multiclass": "multi:softprob"}

    def __init__(self):
        import xgboost

        self.xgb = xgboost

    def types(self):
        if not self.t["cat"]:
            return {}
        return {"feature_types": ["c" if j in self.t["cat"] else "q" for j in range(self.x.shape[1])], "enable_categorical": True}

    def bin(self, threads):
        took, self.d = timed(lambda: self.xgb.QuantileDMatrix(self.train, self.y[: self.n], max_bin=255, nthread=threads, **self.types()))
        return took

    def fit(self, threads, rounds, leaves, mode="", seed=1):
        # min_child_weight is a sum of hessians: 20 rows have about 3 with two classes or more, 20 with squared loss.
        p = {"objective": self.objective[self.t["task"]], "tree_method": "hist", "grow_policy": "lossguide", "max_leaves": leaves, "max_depth": 0,
             "learning_rate": RATE, "reg_lambda": L2, "min_child_weight": MIN_ROWS if self.t["task"] == "regression" else 3, "nthread": threads,
             "seed": seed, "max_bin": 255, "verbosity": 0}
        if self.t["task"] == "multiclass":
            p["num_class"] = self.k
        setup, self.m = timed(lambda: self.xgb.Booster(p, [self.d]))
        took, _ = timed(lambda: [self.m.update(self.d, i) for i in range(rounds)])
        return dict(took, setup=setup["seconds"])

    def proba(self, x):
        return self.m.predict(self.xgb.DMatrix(x, **self.types()))

    def predict(self, threads, rows):
        self.m.set_param({"nthread": threads})
        x = self.x[:rows]
        return timed(lambda: self.m.inplace_predict(x))[0]

    def one(self):
        self.m.set_param({"nthread": 1})
        took, _ = timed(lambda: [self.m.inplace_predict(self.x[i : i + 1]) for i in range(500)])
        return {"microseconds": took["cpu"] / 500 * 1e6}


class Sklearn(Peer):
    def fit(self, threads, rounds, kind, seed=1):
        from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

        make = ExtraTreesClassifier if kind == "extra_trees" else RandomForestClassifier
        took, self.m = timed(lambda: make(rounds, n_jobs=threads, random_state=seed).fit(self.train, self.y[: self.n]))
        return took

    def proba(self, x):
        return self.m.predict_proba(x)


def main():
    peer = {"lightgbm": LightGBM, "xgboost": XGBoost, "sklearn": Sklearn}[sys.argv[1]]()
    for line in sys.stdin:
        c = json.loads(line)
        print(json.dumps(getattr(peer, c["do"])(**c["with"]) or {}), flush=True)


if __name__ == "__main__":
    main()
