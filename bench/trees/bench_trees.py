# SPDX-License-Identifier: Apache-2.0
"""make bench-trees: Assay's trees beside LightGBM, XGBoost and scikit-learn, as ratios of one run.

Every contender is a worker process that answers commands line by line; repetitions are interleaved and medians
compared. LightGBM and XGBoost run twice, with OMP_WAIT_POLICY ACTIVE and PASSIVE; the better one counts. A missing
peer is named and the exit status is 1. Seconds are wall seconds; processor seconds stand beside them for machines that
are busy with other things.

    bench_trees.py --worker build/bench_trees --data build/bench_data [--quick] [--only SET ...]
"""
import argparse
import importlib.util
import json
import os
import statistics
import struct
import subprocess
import sys
import time

import numpy as np

import data as tables

PEERS = ["lightgbm", "xgboost", "sklearn"]
PARAMS = {"learning_rate": 0.1, "min_data_in_leaf": 20, "l2": 0.001}


def sets(quick):
    s = 10 if quick else 1
    return {
        "dense_28": lambda: tables.dense(1000000 // s, 28),
        "dense_200": lambda: tables.dense(100000 // s, 200),
        "missing_50": lambda: tables.dense(100000 // s, 50, 5, 0.1),
        "mixed_100": lambda: tables.mixed(55000 // s),
        "sparse_2000": lambda: tables.sparse(220000 // s),
        "letters_like": lambda: tables.classes(20000 // s, 16, 26),
        "classes_10": lambda: tables.classes(50000 // s, 100, 10),
    }


def read(path):
    with open(path, "rb") as f:
        _, rows, cols, test, task, k, sparse, _ = struct.unpack("<8sQQQiiii", f.read(48))
        levels = np.fromfile(f, np.int32, cols)
        if sparse:
            import scipy.sparse

            indptr = np.fromfile(f, np.int64, rows + 1)
            indices = np.fromfile(f, np.int32, indptr[-1])
            values = np.fromfile(f, np.float32, indptr[-1])
            x = scipy.sparse.csr_matrix((values, indices, indptr), shape=(rows, cols))
        else:
            x = np.fromfile(f, np.float32, rows * cols).reshape(cols, rows).T.copy()
        y = np.fromfile(f, np.float64, rows)
    return x, y, rows - test, [int(j) for j in np.nonzero(levels)[0]], k


# ---- peers, each in a process of its own ------------------------------------------------


def log_loss(y, p):
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


class LightGBM:
    def load(self, path):
        import lightgbm

        self.lgb = lightgbm
        self.x, self.y, self.n, self.cat, self.k = read(path)

    def bin(self, threads):
        self.p = {"max_bin": 255, "num_threads": threads, "verbose": -1, "force_row_wise": True, "min_data_in_bin": 1}
        self.d = self.lgb.Dataset(self.x[: self.n], self.y[: self.n], categorical_feature=self.cat or "auto", params=self.p).construct()

    def fit(self, threads, rounds, leaves, quantised=False, seed=1):
        p = dict(self.p, objective="binary", num_leaves=leaves, learning_rate=0.1, min_data_in_leaf=20, lambda_l2=0.001,
                 num_threads=threads, seed=seed, use_quantized_grad=quantised)
        self.m = self.lgb.train(p, self.d, rounds)

    def score(self):
        return log_loss(self.y[self.n :], self.m.predict(self.x[self.n :]))

    def predict(self, threads):
        self.m.predict(self.x, num_threads=threads)


class XGBoost:
    def load(self, path):
        import xgboost

        self.xgb = xgboost
        self.x, self.y, self.n, self.cat, self.k = read(path)
        self.types = ["c" if j in self.cat else "q" for j in range(self.x.shape[1])]

    def bin(self, threads):
        a = {"feature_types": self.types, "enable_categorical": True} if self.cat else {}
        self.d = self.xgb.QuantileDMatrix(self.x[: self.n], self.y[: self.n], max_bin=256, nthread=threads, **a)

    def fit(self, threads, rounds, leaves, quantised=False, seed=1):
        p = {"objective": "binary:logistic", "tree_method": "hist", "grow_policy": "lossguide", "max_leaves": leaves, "max_depth": 0,
             "learning_rate": 0.1, "reg_lambda": 0.001, "min_child_weight": 3, "nthread": threads, "seed": seed, "max_bin": 256}
        self.m = self.xgb.train(p, self.d, rounds)

    def score(self):
        a = {"feature_types": self.types, "enable_categorical": True} if self.cat else {}
        return log_loss(self.y[self.n :], self.m.predict(self.xgb.DMatrix(self.x[self.n :], **a)))

    def predict(self, threads):
        self.m.set_param({"nthread": threads})
        self.m.inplace_predict(self.x)


class Sklearn:
    def load(self, path):
        self.x, self.y, self.n, self.cat, self.k = read(path)

    def forest(self, threads, rounds, kind, seed):
        from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

        c = ExtraTreesClassifier if kind == "extra_trees" else RandomForestClassifier
        self.m = c(rounds, n_jobs=threads, random_state=seed).fit(self.x[: self.n], self.y[: self.n])

    def score(self):
        return float(self.m.score(self.x[self.n :], self.y[self.n :]))


def peer_main(name):
    w = {"lightgbm": LightGBM, "xgboost": XGBoost, "sklearn": Sklearn}[name]()
    for line in sys.stdin:
        c = json.loads(line)
        t, cpu = time.perf_counter(), time.process_time()
        getattr(w, c["do"])(**c.get("with", {}))
        out = {"seconds": time.perf_counter() - t, "cpu": time.process_time() - cpu}
        if c.get("score"):
            out["score"] = w.score()
        print(json.dumps(out), flush=True)


class Peer:
    def __init__(self, name, policy):
        self.name, self.policy = name, policy
        env = dict(os.environ, OMP_WAIT_POLICY=policy)
        self.p = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--peer", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True, env=env)

    def ask(self, do, score=False, **kw):
        self.p.stdin.write(json.dumps({"do": do, "with": kw, "score": score}) + "\n")
        self.p.stdin.flush()
        return json.loads(self.p.stdout.readline())

    def close(self):
        self.p.stdin.close()
        self.p.wait()


class Assay:
    def __init__(self, worker):
        self.p = subprocess.Popen([worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.p.stdin.write(line + "\n")
        self.p.stdin.flush()
        return json.loads(self.p.stdout.readline())

    def fit(self, learner, threads, rounds, **params):
        return self.ask(" ".join(["fit", learner, str(threads), str(rounds)] + [f"{k}={v}" for k, v in params.items()]))

    close = Peer.close


# ---- comparisons ---------------------------------------------------------------------------


def median(rows, key="seconds"):
    return statistics.median(r[key] for r in rows)


def table(title, head, rows):
    print(f"\n{title}\n")
    width = [max(len(str(r[i])) for r in [head] + rows) for i in range(len(head))]
    for r in [head] + rows:
        print("  " + "  ".join(str(c).rjust(w) if i else str(c).ljust(w) for i, (c, w) in enumerate(zip(r, width))))


def boosting(args, name, path, rounds, reps):
    """Milliseconds a tree, processor ms in brackets, ratios to the best peer; binning; prediction; held-out log loss."""
    ours = Assay(args.worker)
    peers = [Peer(p, pol) for p in ("lightgbm", "xgboost") for pol in ("ACTIVE", "PASSIVE")]
    load = ours.ask("load " + path)
    for p in peers:
        p.ask("load", path=path)
    rows = []
    for threads in args.threads:
        bins = [ours.ask(f"bin {threads}") for _ in range(reps)]
        theirs = {f"{p.name} {p.policy}": [p.ask("bin", threads=threads) for _ in range(1)] for p in peers}
        best = min((median(v), k) for k, v in theirs.items() if k.startswith("lightgbm"))
        rows.append(["binning", threads, f"{1e3 * median(bins):.0f} ({1e3 * median(bins, 'cpu'):.0f})", best[1], f"{1e3 * best[0]:.0f}", f"{best[0] / median(bins):.2f}", "", ""])
        for leaves in args.leaves:
            got = {"assay": []}
            for _ in range(reps):
                got["assay"].append(ours.fit("gbdt", threads, rounds, num_leaves=leaves, **PARAMS))
                for p in peers:
                    modes = [False, True] if p.name == "lightgbm" else [False]
                    for q in modes:
                        key = f"{p.name}{' quantised' if q else ''} {p.policy}"
                        got.setdefault(key, []).append(p.ask("fit", score=True, threads=threads, rounds=rounds, leaves=leaves, quantised=q))
            a = got.pop("assay")
            for kind in ("lightgbm", "lightgbm quantised", "xgboost"):
                group = {k: v for k, v in got.items() if k.rsplit(" ", 1)[0] == kind}
                key = min(group, key=lambda k: median(group[k]))
                cpu = min(median(v, "cpu") for v in group.values())
                rows.append([f"{leaves} leaves", threads, f"{1e3 * median(a) / rounds:.1f} ({1e3 * median(a, 'cpu') / rounds:.1f})", key,
                             f"{1e3 * median(group[key]) / rounds:.1f} ({1e3 * cpu / rounds:.1f})",
                             f"{median(group[key]) / median(a):.2f} ({cpu / median(a, 'cpu'):.2f})", f"{a[0]['score']:.5f}", f"{group[key][0]['score']:.5f}"])
        pred = [ours.ask(f"predict {threads}") for _ in range(reps)]
        n = load["rows"]
        for kind in ("lightgbm", "xgboost"):
            best = min((median([p.ask("predict", threads=threads) for _ in range(reps)]), p.policy) for p in peers if p.name == kind)
            rate = median(pred, "rows_per_second")
            rows.append(["prediction, M rows/s", threads, f"{rate / 1e6:.2f}", f"{kind} {best[1]}", f"{n / best[0] / 1e6:.2f}", f"{rate / (n / best[0]):.2f}", "", ""])
    rows.append(["one row, microseconds", 1, f"{ours.ask('one')['microseconds']:.1f}", "", "", "", "", ""])
    rows.append(["peak above the table, MB", "", f"{(ours.ask('peak')['peak'] - load['rss']) / 1e6:.0f}", "", "", "", "", ""])
    for p in [ours] + peers:
        p.close()
    table(f"{name}: ms a tree (processor ms), {rounds} rounds", ["what", "threads", "assay", "best of", "peer", "ratio", "loss", "peer's"], rows)


def forests(args, name, path, trees, reps):
    ours, peer = Assay(args.worker), Peer("sklearn", "PASSIVE")
    ours.ask("load " + path)
    ours.ask("bin 1")
    peer.ask("load", path=path)
    rows = []
    for kind in ("forest", "extra_trees"):
        for threads in args.threads:
            a, b = [], []
            for seed in range(1, reps + 1):
                a.append(ours.fit(kind, threads, trees, seed=seed))
                b.append(peer.ask("forest", score=True, threads=threads, rounds=trees, kind=kind, seed=seed))
            rows.append([kind, threads, f"{1e3 * median(a) / trees:.1f} ({1e3 * median(a, 'cpu') / trees:.1f})",
                         f"{1e3 * median(b) / trees:.1f} ({1e3 * median(b, 'cpu') / trees:.1f})",
                         f"{median(b) / median(a):.2f} ({median(b, 'cpu') / median(a, 'cpu'):.2f})",
                         f"{statistics.mean(r['score'] for r in a):.4f}", f"{statistics.mean(r['score'] for r in b):.4f}"])
    ours.close()
    peer.close()
    table(f"{name}: forests to purity, ms a tree (processor ms)", ["what", "threads", "assay", "scikit-learn", "ratio", "accuracy", "its"], rows)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--peer")
    a.add_argument("--worker")
    a.add_argument("--data", default="build/bench_data")
    a.add_argument("--quick", action="store_true", help="a tenth of the rows, fewer repetitions")
    a.add_argument("--only", nargs="*")
    a.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    a.add_argument("--leaves", type=int, nargs="*", default=[63, 255])
    args = a.parse_args()
    if args.peer:
        return peer_main(args.peer)
    missing = [p for p in PEERS if not importlib.util.find_spec(p)]
    if missing:
        print("missing peers: " + ", ".join(missing) + "; install them or run make bench-trees", file=sys.stderr)
        return 1
    os.makedirs(args.data, exist_ok=True)
    reps, rounds = (3, 10) if args.quick else (5, 20)
    for name, make in sets(args.quick).items():
        if args.only and name not in args.only:
            continue
        path = os.path.join(args.data, f"{name}{'_quick' if args.quick else ''}.bin")
        if not os.path.exists(path):
            tables.write(make(), path)
        if name in ("letters_like", "classes_10"):
            forests(args, name, path, 10, reps)
        else:
            boosting(args, name, path, rounds, reps)
    return 0


if __name__ == "__main__":
    sys.exit(main())
