# SPDX-License-Identifier: Apache-2.0
"""make bench-trees: Assay's trees beside LightGBM, XGBoost and scikit-learn, as ratios of one run. See README.md.

    bench_trees.py --worker build/bench_trees --assay build/assay --data build/bench_data [--quick] [--only SECTION ...] [--sets SET ...]

Exit status: 0 all ran (met or not), 1 a peer is missing; with --strict 3 when a goal is not met.
"""
import argparse
import functools
import importlib
import os
import signal
import sys

MODULES = ["numpy", "scipy", "pandas", "lightgbm", "xgboost", "sklearn"]
SECTIONS = ["trees", "memory", "trial", "neighbour", "prediction", "row", "updates", "scores", "forests", "search"]


def arguments():
    a = argparse.ArgumentParser(description="Assay's trees beside LightGBM, XGBoost and scikit-learn")
    a.add_argument("--worker", default="build/bench_trees")
    a.add_argument("--assay", default="build/assay")
    a.add_argument("--data", default="build/bench_data", help="where generated tables are kept")
    a.add_argument("--json", default="build/bench_trees.json")
    a.add_argument("--letters", help="LetterRecognition.rda, when it is not installed")
    a.add_argument("--quick", action="store_true", help="a tenth of the rows, fewer repetitions: minutes")
    a.add_argument("--only", nargs="*", choices=SECTIONS, default=SECTIONS, metavar="SECTION", help=" ".join(SECTIONS))
    a.add_argument("--sets", nargs="*", help="only these tables")
    a.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    a.add_argument("--leaves", type=int, nargs="*", default=[63, 255])
    a.add_argument("--reps", type=int, help="interleaved repetitions")
    a.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="what decides; cpu on a machine that is busy otherwise")
    a.add_argument("--strict", action="store_true", help="exit with 3 when a goal is not met")
    args = a.parse_args()
    args.reps = args.reps or (3 if args.quick else 4)
    return args


def peers():
    """Versions of what the run needs; names of what is missing."""
    found, missing = {}, []
    for m in MODULES:
        try:
            found[m] = importlib.import_module(m).__version__
        except ImportError:
            missing.append(m)
    return found, missing


def processor():
    with open("/proc/cpuinfo") as f:
        name = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), "unknown")
    return f"{name}, {len(os.sched_getaffinity(0))} cores"


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args = arguments()
    found, missing = peers()
    if missing:
        print(f"bench-trees: missing peers: {', '.join(missing)}; run make bench-trees, which installs them", file=sys.stderr)
        return 1
    import contenders
    import quality
    import real
    import speed
    import tables
    import trials
    from report import Report

    report = Report()
    contenders.CLOCK[0] = {"wall": "seconds", "cpu": "cpu"}[args.clock]
    s = 10 if args.quick else 1
    rounds = 10 if args.quick else 15
    os.makedirs(args.data, exist_ok=True)
    report.say("Trees: " + ", ".join(f"{k} {v}" for k, v in found.items()) + (", a tenth of the rows" if args.quick else "") + f"; {processor()}")
    report.say("Ratios above 1: Assay is faster. Processor seconds stand in brackets; " + ("they decide." if args.clock == "cpu" else "wall seconds decide."))

    generated = {
        "dense_28": lambda: tables.dense(1111112 // s, 28),
        "dense_200": lambda: tables.dense(111112 // s, 200),
        "missing_50": lambda: tables.dense(111112 // s, 50, 5, 0.1),
        "mixed_100": lambda: tables.mixed(55556 // s),
        "sparse_2000": lambda: tables.sparse(222223 // s),
        "multi_10": lambda: tables.classes(111112 // s, 28, 10, 6),
    }
    many_classes = {"multi_26": lambda: tables.classes(111112 // s, 28, 26, 7)}  # seconds alone: 100 rounds of scores are 2,600 trees
    data_dir = os.environ.get("ASSAY_DATA_DIR")
    known = {}
    if data_dir:
        known["agaricus"] = lambda: real.agaricus(data_dir)
        known.update({n: functools.partial(real.shared, data_dir, n) for n in real.LARGER})
    else:
        report.say("ASSAY_DATA_DIR is not set: agaricus, " + ", ".join(real.LARGER) + " are skipped")
    wanted = lambda name: not args.sets or name in args.sets
    generated = {k: v for k, v in generated.items() if wanted(k)}
    known = {k: v for k, v in known.items() if wanted(k)}
    many_classes = {k: v for k, v in many_classes.items() if wanted(k)}

    def stored(name, make):
        """A table's file, generated when it is not there yet."""
        path = os.path.join(args.data, f"{name}{'_quick' if args.quick else ''}.{tables.VERSION}.bin")
        return path if os.path.exists(path) else tables.write(make(), path)

    def outputs_of(path):
        with open(path, "rb") as f:
            return int.from_bytes(f.read(40)[36:40], "little")

    section = lambda name: name in args.only
    if section("trees"):
        for name, make in generated.items():
            path = stored(name, make)
            speed.boosting(report, args, name, path, outputs_of(path), args.leaves, rounds, name.startswith("dense"))
        for name, make in many_classes.items():
            path = stored(name, make)
            speed.boosting(report, args, name, path, outputs_of(path), args.leaves[:1], rounds, False)
        for name, make in known.items():
            path = stored(name, make)
            speed.boosting(report, args, name, path, outputs_of(path), args.leaves[:1], 5 * rounds, False)
    sized = [(n, stored(n, generated[n])) for n in generated] if section("memory") or section("updates") else []
    if section("memory"):
        speed.memory(report, args, sized)
    if section("trial") or section("row"):
        path = tables.write(tables.dense(111112, 28, 8), os.path.join(args.data, "trial_28.bin"))
        if section("trial"):
            speed.short_trial(report, args, path)
        if section("row"):
            speed.single_row(report, args, path)
    dense = stored("dense_28", lambda: tables.dense(1111112 // s, 28)) if section("neighbour") or section("prediction") else None
    if section("neighbour"):
        speed.neighbour(report, args, dense, rounds)
    if section("prediction"):
        speed.prediction(report, args, dense, 200000)
    if section("updates"):
        speed.updates(report, args, [x for x in sized if x[0].startswith(("dense", "mixed"))], rounds)
    if section("scores"):
        quality.scores(report, args, list(generated.items()) + list(known.items()))
    if section("forests"):
        sets = []
        t = real.letters(args.letters)
        if t is None:
            report.say("LetterRecognition.rda is not installed (Debian's r-cran-mlbench): forests on letters are skipped")
        elif wanted("letters"):
            sets.append(("letters", t))
        if wanted("classes_10"):
            sets.append(("classes_10", tables.classes(55556 // s, 100, 10)))
        quality.forests(report, args, sets)
    if section("search"):
        trials.compare(report, args, 50000 // s)

    missed = report.verdict()
    report.save(args.json, dict(found, processor=processor(), quick=args.quick, threads=args.threads, leaves=args.leaves, clock=args.clock))
    report.say(f"also as {args.json}")
    return 3 if missed and args.strict else 0


if __name__ == "__main__":
    sys.exit(main())
