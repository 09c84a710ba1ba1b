# SPDX-License-Identifier: Apache-2.0
"""Seconds: trees, binning, short trials, beside a busy neighbour, predictions, histogram updates; and bytes."""
import subprocess
import sys

from contenders import CLOCK, Assay, Peer, best_of, median, race

PARAMS = {"learning_rate": 0.1, "min_data_in_leaf": 20, "l2": 0.001}
FLOAT, QUANTISED = ("row", "col"), ("quantised row", "quantised col")
# Least ratios by leaves: LightGBM's best float mode, its best mode of all, XGBoost. Elsewhere: nowhere slower.
DENSE = {63: (2.0, 1.5, 2.0), 255: (1.7, 1.2, 2.0)}


def ms(answers, trees):
    return f"{1e3 * median(answers, 'seconds') / trees:.2f} ({1e3 * median(answers, 'cpu') / trees:.2f})"


def ratio(theirs, ours):
    """By the clock that decides, and by processor time."""
    return median(theirs) / median(ours), median(theirs, "cpu") / median(ours, "cpu")


def show(r):
    return f"{r[0]:.2f} ({r[1]:.2f})"


def policies(threads):
    """With one thread nobody waits for another, so one setting stands for both; active waiting is no work either."""
    return ("PASSIVE",) if threads == 1 or CLOCK[0] == "cpu" else ("ACTIVE", "PASSIVE")


class Field:
    """Assay and the peers with one table loaded."""

    def __init__(self, args, path, names=("lightgbm", "xgboost"), both=True):
        self.ours = Assay(args.worker)
        self.peers = {(n, p): Peer(n, p) for n in names for p in (("ACTIVE", "PASSIVE") if both else ("PASSIVE",))}
        self.about = self.ours.ask("load", path)
        for p in self.peers.values():
            p.ask("load", path=path)

    def __enter__(self):
        return self

    def __exit__(self, *wrong):
        for c in [self.ours, *self.peers.values()]:
            c.__exit__(*wrong)

    def peer(self, name, policy="PASSIVE"):
        return self.peers[(name, policy)]


# ---- binning and trees of one set ------------------------------------------------------------


def binning(report, field, name, threads, reps):
    calls = {("assay", ""): lambda: field.ours.ask("bin", threads)}
    for (n, policy), p in field.peers.items():
        if policy in policies(threads):
            calls[(n, policy)] = lambda p=p: p.ask("bin", threads=threads)
    got = race(calls, reps, group=lambda k: k[0])
    for key, p in field.peers.items():
        if key not in got:
            p.ask("bin", threads=threads)
    rows = []
    for n in ("lightgbm", "xgboost"):
        key, theirs = best_of(got, [k for k in got if k[0] == n])
        r = ratio(theirs, got[("assay", "")])
        rows.append(["binning", threads, ms(got[("assay", "")], 1), " ".join(key).lower(), ms(theirs, 1), show(r)])
        if n == "lightgbm":
            report.goal("binning", f"{name}, {threads} thr, vs lightgbm", r[0], least=8, of_cpu=r[1])
    return rows


def trees(report, field, name, threads, leaves, rounds, reps, goals):
    """Ours: the whole fit with what it sets up. Theirs: boosting rounds alone."""
    k = max(1, field.outputs)
    calls = {("assay", "", ""): lambda: field.ours.ask("fit", "gbdt", threads, rounds, num_leaves=leaves, **PARAMS)}
    for (n, policy), p in field.peers.items():
        for mode in (FLOAT + QUANTISED if n == "lightgbm" else ("",)):
            if policy in policies(threads):
                calls[(n, mode, policy)] = lambda p=p, mode=mode: p.ask("fit", threads=threads, rounds=rounds, leaves=leaves, mode=mode)
    kind = lambda key: (key[0], "quantised" in key[1])
    got = race(calls, reps, group=kind)
    ours, rows, best = got[("assay", "", "")], [], []
    for n, q in (("lightgbm", False), ("lightgbm", True), ("xgboost", False)):
        key, theirs = best_of(got, [x for x in got if kind(x) == (n, q)])
        r = ratio(theirs, ours)
        best.append(r)
        rows.append([f"{leaves} leaves", threads, ms(ours, rounds * k), " ".join(x for x in key if x).lower(), ms(theirs, rounds * k), show(r)])
    of_all = min(best[0], best[1])
    where = f"{name}, {leaves} leaves, {threads} thr"
    for what, r, least in zip(("lightgbm float", "lightgbm's best mode", "xgboost"), (best[0], of_all, best[2]), goals):
        report.goal("trees", f"{where}, vs {what}", r[0], least=least, of_cpu=r[1])
    return rows


def boosting(report, args, name, path, outputs, leaves, rounds, dense):
    with Field(args, path) as field:
        field.outputs = outputs if outputs > 2 else 1
        rows = []
        for threads in args.threads:
            rows += binning(report, field, name, threads, max(2, args.reps // 2))
            for n in leaves:
                goals = DENSE.get(n, (1, 1, 1)) if dense else (1, 1, 1)
                rows += trees(report, field, name, threads, n, rounds, args.reps, goals)
    about = f"{field.about['train']} x {field.about['cols']}"
    report.table(f"{name} ({about}): milliseconds, processor milliseconds in brackets; per tree of {rounds} rounds",
                 ["what", "threads", "assay", "best of", "peer", "ratio"], rows)


# ---- memory -----------------------------------------------------------------------------------


def memory(report, args, sets):
    """Peak bytes above what was resident with the raw table loaded: binning and 10 rounds, a fresh process each."""
    rows, threads = [], max(args.threads)
    for name, path in sets:
        for leaves in args.leaves:
            used = {}
            with Assay(args.worker) as a:
                a.ask("load", path)
                base = a.ask("memory")["bytes"]
                a.ask("bin", threads)
                a.ask("fit", "gbdt", threads, 10, num_leaves=leaves, **PARAMS)
                used["assay"] = a.ask("peak")["bytes"] - base
            for n, mode in [("lightgbm", m) for m in FLOAT + QUANTISED[:1]] + [("xgboost", "")]:
                with Peer(n) as p:
                    p.ask("load", path=path)
                    base = p.ask("memory")["bytes"]
                    p.ask("bin", threads=threads)
                    p.ask("fit", threads=threads, rounds=10, leaves=leaves, mode=mode)
                    used[f"{n} {mode}".strip()] = p.ask("peak")["bytes"] - base
            rows.append([name, leaves] + [f"{used[k] / 2**20:.1f}" for k in used])
            least = min(used["lightgbm row"], used["lightgbm col"])
            report.goal("memory", f"{name}, {leaves} leaves, of lightgbm's", used["assay"] / least, most=1.0)
    report.table(f"peak memory above the raw table, MiB, {threads} threads", ["set", "leaves", *used], rows,
                 "lightgbm's is the lesser of row and col")


# ---- a short trial, and a busy neighbour ---------------------------------------------------------


def short_trial(report, args, path):
    """10 trees with the shared matrix, against Dataset construction and 10 trees."""
    rows = []
    with Field(args, path) as field:
        for threads in args.threads:
            field.ours.ask("bin", threads)

            def theirs(p, mode):
                a, b = p.ask("bin", threads=threads), p.ask("fit", threads=threads, rounds=10, leaves=63, mode=mode)
                return {"seconds": a["seconds"] + b["setup"] + b["seconds"], "cpu": a["cpu"] + b["cpu"]}

            calls = {("assay", "", ""): lambda: field.ours.ask("fit", "gbdt", threads, 10, num_leaves=63, **PARAMS)}
            for (n, policy), p in field.peers.items():
                for mode in (("row", "quantised row") if n == "lightgbm" else ("",)):
                    if policy in policies(threads):
                        calls[(n, mode, policy)] = lambda p=p, mode=mode: theirs(p, mode)
            got = race(calls, args.reps, group=lambda key: key[0])
            for n in ("lightgbm", "xgboost"):
                key, best = best_of(got, [x for x in got if x[0] == n])
                r = ratio(best, got[("assay", "", "")])
                rows.append([" ".join(x for x in key if x).lower(), threads, ms(got[("assay", "", "")], 1), ms(best, 1), show(r)])
                if n == "lightgbm":
                    report.goal("trial", f"10 trees, {threads} thr, vs lightgbm", r[0], least=8, of_cpu=r[1])
    report.table(f"a trial of 10 trees on {field.about['train']} x {field.about['cols']}, 63 leaves, milliseconds",
                 ["against", "threads", "assay", "peer", "ratio"], rows, "the peers construct their data set, ours is shared by all trials")


def neighbour(report, args, path, rounds):
    """All cores asked for while one foreign thread is busy: trees a second."""
    threads, rows = max(args.threads), []
    if threads < 2:
        report.say("a busy neighbour needs two threads or more: skipped")
        return
    with Field(args, path, both=False) as field:
        for p in field.peers.values():
            p.ask("bin", threads=threads)
        field.ours.ask("bin", threads)
        fit = lambda do: field.ours.ask(do, "gbdt", threads, rounds, num_leaves=63, **PARAMS)
        calls = {"assay, one fit": lambda: fit("fit"), "assay, a fit a thread": lambda: fit("pair")}
        for (n, _), p in field.peers.items():
            for mode in (("row", "quantised row") if n == "lightgbm" else ("",)):
                calls[f"{n} {mode}".strip()] = lambda p=p, mode=mode: p.ask("fit", threads=threads, rounds=rounds, leaves=63, mode=mode)
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            got = race(calls, args.reps, keep=1e9)
        finally:
            busy.kill()
            busy.wait()
    rate = {k: rounds * (threads if "a fit a thread" in k else 1) / median(v, "seconds") for k, v in got.items()}
    ours = max(v for k, v in rate.items() if k.startswith("assay"))
    for k, v in rate.items():
        rows.append([k, f"{v:.1f}", f"{ours / v:.2f}"])
        if not k.startswith("assay"):
            report.goal("neighbour", f"trees a second, vs {k} passive", ours / v, least=2.5)
    report.table(f"one busy foreign thread: trees a second, {threads} threads, 63 leaves, {field.about['train']} x {field.about['cols']}",
                 ["who", "trees/s", "assay's best is"], rows)


# ---- prediction -------------------------------------------------------------------------------------


def prediction(report, args, path, rows_at_most):
    rows = []
    with Field(args, path) as field:
        n = min(rows_at_most, field.about["rows"])
        top = max(args.threads)
        field.ours.ask("bin", top)
        field.ours.ask("fit", "gbdt", top, 100, num_leaves=63, **PARAMS)
        for (who, _), p in field.peers.items():
            p.ask("bin", threads=top)
            p.ask("fit", threads=top, rounds=100, leaves=63, mode="row")
        for threads in args.threads:
            calls = {("assay", ""): lambda: field.ours.ask("predict", threads, n)}
            for (who, policy), p in field.peers.items():
                if policy in policies(threads):
                    calls[(who, policy)] = lambda p=p: p.ask("predict", threads=threads, rows=n)
            got = race(calls, args.reps, group=lambda key: key[0])
            for who, least in (("lightgbm", 5), ("xgboost", 2)):
                key, theirs = best_of(got, [x for x in got if x[0] == who])
                r = ratio(theirs, got[("assay", "")])
                rate = lambda a: f"{n / median(a) / 1e6:.3f}"
                rows.append([" ".join(key).lower(), threads, rate(got[("assay", "")]), rate(theirs), show(r)])
                report.goal("prediction", f"rows a second, {threads} thr, vs {who}", r[0], least=least, of_cpu=r[1])
    report.table(f"prediction of {n} raw rows x {field.about['cols']} (row-major f32), 100 trees x 63 leaves: million rows a second",
                 ["against", "threads", "assay", "peer", "ratio"], rows)


def single_row(report, args, path):
    rows, top = [], max(args.threads)
    with Field(args, path, both=False) as field:
        field.ours.ask("bin", top)
        field.ours.ask("fit", "gbdt", top, 500, num_leaves=63, **PARAMS)
        ours = field.ours.ask("one")["microseconds"]
        rows.append(["assay", f"{ours:.1f}"])
        report.goal("prediction", "one row of 500 trees", ours, most=20, unit="us")
        for (who, _), p in field.peers.items():
            p.ask("bin", threads=top)
            p.ask("fit", threads=top, rounds=500, leaves=63, mode="row")
            rows.append([who, f"{p.ask('one')['microseconds']:.1f}"])
    report.table("one row of 500 trees x 63 leaves, microseconds", ["who", "us"], rows,
                 "lightgbm by the fast single-row path of its C API, xgboost by inplace_predict from Python")


# ---- histogram updates ---------------------------------------------------------------------------


def updates(report, args, sets, rounds):
    rows = []
    with Assay(args.worker) as a:
        limit = a.ask("limit")["updates_per_second"]
        for name, path in sets:
            a.ask("load", path)
            a.ask("bin", 1)
            for leaves in args.leaves:
                got = [a.ask("fit", "gbdt", 1, rounds, num_leaves=leaves, count=1, **PARAMS) for _ in range(2)]
                u = max(got, key=lambda g: g["updates"] / max(g["update_seconds"], 1e-9))
                rate = u["updates"] / max(u["update_seconds"], 1e-9)
                rows.append([name, leaves, f"{u['updates'] / rounds / 1e6:.1f}", f"{rate / 1e9:.2f}", f"{limit / 1e9:.2f}", f"{100 * rate / limit:.0f} %",
                             f"{100 * u['update_seconds'] / u['seconds']:.0f} %"])
    report.table("histogram updates of one thread", ["set", "leaves", "millions a tree", "G/s", "machine's limit G/s", "of it", "of the fit's time"], rows,
                 "limit: 64-bit load, add, store into a table of 32 KiB, nothing else")
