# SPDX-License-Identifier: Apache-2.0
"""Scores on held-out rows at equal settings, and forests grown to purity. Every seed draws its own training and held-out rows."""
import os
import statistics

import tables
from contenders import Assay, Peer, median
from speed import PARAMS, ratio, show

SEEDS = (1, 2, 3, 4, 5)
# Least ratios to scikit-learn's seconds by table.
FORESTS = {"letters": {"forest": 3.5, "extra_trees": 2.5}, "classes_10": {"forest": 7.0, "extra_trees": 2.5}}


def drawn(args, t, seed, train, test):
    return tables.write(tables.sample(t, seed, train, test), os.path.join(args.data, "drawn.bin"))


def scores(report, args, sets, rounds=100, leaves=63):
    """Boosting: log loss (root mean square error) of Assay, LightGBM, XGBoost, and paired differences."""
    rows, threads = [], max(args.threads)
    most = (10000, 5000) if args.quick else (50000, 25000)
    with Assay(args.worker) as ours, Peer("lightgbm") as lgb, Peer("xgboost") as xgb:
        for name, make in sets:
            t, got = make(), {"assay": [], "lightgbm": [], "xgboost": []}
            for seed in SEEDS:
                path = drawn(args, t, seed, *most)
                ours.ask("load", path)
                ours.ask("bin", threads)
                ours.ask("fit", "gbdt", threads, rounds, num_leaves=leaves, **PARAMS)
                got["assay"].append(ours.ask("score")["loss"])
                for p in (lgb, xgb):
                    p.ask("load", path=path)
                    p.ask("bin", threads=threads)
                    p.ask("fit", threads=threads, rounds=rounds, leaves=leaves, **({"mode": "row"} if p is lgb else {}))
                    got[p.name].append(p.ask("score")["loss"])
            unit = "rmse" if t["task"] == "regression" else "log loss"
            mean, se = report.paired("score", f"{name}, against lightgbm", got["assay"], got["lightgbm"], unit)
            against = [a - b for a, b in zip(got["assay"], got["xgboost"])]
            rows.append([name, unit] + [f"{statistics.mean(got[k]):.5f}" for k in got]
                        + [f"{mean:+.5f} +- {se:.5f}", f"{statistics.mean(against):+.5f} +- {statistics.stdev(against) / len(against) ** 0.5:.5f}"])
    report.table(f"held-out loss, {rounds} rounds x {leaves} leaves, {len(SEEDS)} seeds", ["set", "loss", "assay", "lightgbm", "xgboost", "assay - lightgbm", "assay - xgboost"],
                 rows, "less is better; mean difference +- standard error over seeds, each with training and held-out rows of its own")


def forests(report, args, sets):
    """Seconds a tree and accuracy, both grown to purity with the peers' defaults."""
    rows = []
    trees = 10 if args.quick else 40
    with Assay(args.worker) as ours, Peer("sklearn") as peer:
        for name, t in sets:
            for kind in ("forest", "extra_trees"):
                for threads in args.threads:
                    a, b, right = [], [], []
                    # Scores come from the run of most threads; seconds of one thread need fewer trees.
                    last = threads == max(args.threads)
                    n, seeds = (trees, SEEDS) if last else (max(10, trees // 4), SEEDS[:3])
                    for seed in seeds:
                        path = drawn(args, t, seed, 10**9, t["x"].shape[0] // 10)
                        ours.ask("load", path)
                        ours.ask("bin", threads)
                        peer.ask("load", path=path)
                        a.append(ours.ask("fit", kind, threads, n, n_estimators=n, seed=seed))
                        b.append(peer.ask("fit", threads=threads, rounds=n, kind=kind, seed=seed))
                        right.append((ours.ask("score")["accuracy"], peer.ask("score")["accuracy"]) if last else (0, 0))
                    r = ratio(b, a)
                    what = f"{name}, {kind}, {threads} thr"
                    report.goal("forests", f"{what}, vs scikit-learn", r[0], least=FORESTS[name][kind], of_cpu=r[1])
                    row = [what, f"{1e3 * median(a, 'seconds') / n:.1f} ({1e3 * median(a, 'cpu') / n:.1f})", f"{1e3 * median(b, 'seconds') / n:.1f} ({1e3 * median(b, 'cpu') / n:.1f})", show(r)]
                    if last:
                        mine, theirs = [1 - x[0] for x in right], [1 - x[1] for x in right]
                        mean, se = report.paired("forests", f"{name}, {kind}, error rate", mine, theirs, "share")
                        row += [f"{1 - statistics.mean(mine):.4f}", f"{1 - statistics.mean(theirs):.4f}", f"{-mean:+.4f} +- {se:.4f}"]
                    rows.append(row + [""] * (7 - len(row)))
    report.table("forests to purity: milliseconds a tree, processor milliseconds in brackets", ["set", "assay", "scikit-learn", "ratio", "accuracy", "its", "difference"], rows,
                 f"accuracy of {trees} trees, {len(SEEDS)} seeds")
