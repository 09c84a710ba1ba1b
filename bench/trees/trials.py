# SPDX-License-Identifier: Apache-2.0
"""Trials a minute: a search of boosting alone by the `assay` command, against a loop that calls LightGBM.

Both start as a process with a CSV file and cross-validate the same configurations with the same number of folds and rounds;
Assay also chooses, fits its best on all rows and saves it, the loop does not.

    trials.py CONFIGS.json DATA.csv FOLDS THREADS        the loop
"""
import json
import os
import resource
import subprocess
import sys
import time

import tables

ROUNDS = 60  # one rung of the search: every trial runs all of its rounds, none is cut short
FOLDS = 5


def loop(configs, path, folds, threads):
    import lightgbm as lgb
    import pandas as pd

    d = pd.read_csv(path)
    data = lgb.Dataset(d.drop(columns="y"), d["y"], params={"max_bin": 255, "verbose": -1, "num_threads": threads})
    best = []
    for c in configs:
        p = {"objective": "binary", "metric": "auc", "verbose": -1, "num_threads": threads, "learning_rate": c["learning_rate"], "num_leaves": c["num_leaves"],
             "min_data_in_leaf": c["min_data_in_leaf"], "feature_fraction": c["feature_fraction"], "bagging_fraction": c["bagging_fraction"],
             "bagging_freq": int(c["bagging_fraction"] < 1), "lambda_l2": c["l2"], "extra_trees": bool(c["extra_trees"]), "feature_pre_filter": False}
        r = lgb.cv(p, data, ROUNDS, nfold=folds, stratified=True)
        best.append(max(r["valid auc-mean"]))
    print(json.dumps({"best": max(best), "trials": len(best)}))


def children():
    """Processor seconds of ended children so far."""
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


def assay(args, path, n):
    catalog = os.path.join(args.data, "trials.db")
    for end in ("", "-wal", "-shm"):
        if os.path.exists(catalog + end):
            os.remove(catalog + end)
    command = [args.assay, "classify", path, "--target", "y", "--learners", "gbdt", "--trials", str(n), "--folds", str(FOLDS), "--threads", str(max(args.threads)),
               "--json", "--progress", "none", "--catalog", catalog, "--set", f"search.space.gbdt.n_estimators={ROUNDS}"]
    t = time.perf_counter()
    out = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - t
    if out.returncode:
        raise SystemExit(f"bench-trees: assay failed: {out.stderr.strip()}")
    board = [r for r in json.loads(out.stdout)["leaderboard"] if r["learner"] == "gbdt"]
    return seconds, [r["config"] for r in board], max(r["validation"] for r in board)


def compare(report, args, rows):
    import pandas as pd

    t = tables.dense(rows, 28, seed=9)
    path = os.path.join(args.data, "trials.csv")
    d = pd.DataFrame(t["x"], columns=[f"x{j}" for j in range(28)])
    d["y"] = t["y"].astype(int)
    d.to_csv(path, index=False, float_format="%.6g")
    n, cpu = 6 if args.quick else 12, children()
    seconds, configs, best = assay(args, path, n)
    cpu = children() - cpu
    with open(os.path.join(args.data, "configs.json"), "w") as f:
        json.dump(configs, f)
    out = [["assay", len(configs), f"{seconds:.1f} ({cpu:.1f})", f"{60 * len(configs) / seconds:.1f}", f"{best:.5f}"]]
    rate, peer, limit, peer_cpu = 60 * len(configs) / seconds, 0, None, 1e99
    for policy in ("PASSIVE", "ACTIVE"):
        command = [sys.executable, os.path.abspath(__file__), f.name, path, str(FOLDS), str(max(args.threads))]
        t0, c0 = time.perf_counter(), children()
        try:
            r = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ, OMP_WAIT_POLICY=policy), timeout=limit)
        except subprocess.TimeoutExpired:  # active waiting beside other load: it cannot be the better one
            out.append([f"lightgbm.cv in a loop, {policy.lower()}", "", f"over {limit:.1f}", "", ""])
            continue
        took, used = time.perf_counter() - t0, children() - c0
        limit = 3 * took
        if r.returncode:
            raise SystemExit(f"bench-trees: the loop failed: {r.stderr.strip()[-300:]}")
        theirs = json.loads(r.stdout.strip().splitlines()[-1])
        peer, peer_cpu = max(peer, 60 * theirs["trials"] / took), min(peer_cpu, used / theirs["trials"])
        out.append([f"lightgbm.cv in a loop, {policy.lower()}", theirs["trials"], f"{took:.1f} ({used:.1f})", f"{60 * theirs['trials'] / took:.1f}", f"{theirs['best']:.5f}"])
    report.goal("search", "trials a minute, vs a loop over lightgbm.cv", rate / peer, least=1, of_cpu=peer_cpu / (cpu / len(configs)))
    report.table(f"trials of boosting on {rows} x 28 from CSV, {FOLDS} folds x {ROUNDS} rounds, {max(args.threads)} threads", ["who", "trials", "seconds (processor)", "trials a minute", "best AUC"], out,
                 "the same configurations; whole processes, start to end")


if __name__ == "__main__":
    with open(sys.argv[1]) as f:
        loop(json.load(f), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
