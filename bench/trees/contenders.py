# SPDX-License-Identifier: Apache-2.0
"""Contenders as processes that are asked in turn, and how they are compared.

Only the process that is asked may run: OpenMP's active waiting spins after a parallel region has ended, and would burn the
cores of whoever is measured next. Everybody is stopped (SIGSTOP) between answers.
"""
import json
import os
import signal
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


class Contender:
    def __init__(self, command, policy=None):
        env = dict(os.environ, OMP_WAIT_POLICY=policy) if policy else None
        self.p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        os.kill(self.p.pid, signal.SIGSTOP)

    def say(self, line):
        os.kill(self.p.pid, signal.SIGCONT)
        self.p.stdin.write(line + "\n")
        self.p.stdin.flush()
        answer = self.p.stdout.readline()
        if not answer:
            raise SystemExit(f"bench-trees: {self.name} ended at: {line}")
        os.kill(self.p.pid, signal.SIGSTOP)
        return json.loads(answer)

    def close(self):
        os.kill(self.p.pid, signal.SIGCONT)
        self.p.stdin.close()
        self.p.wait()
        self.p.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, wrong, *_):
        # A run that is given up leaves nobody behind, stopped or at work.
        if wrong:
            self.p.kill()
            self.p.wait()
        else:
            self.close()


class Peer(Contender):
    """A library in a Python process of its own, at one setting of OMP_WAIT_POLICY."""

    def __init__(self, name, policy="PASSIVE"):
        self.name, self.policy = name, policy
        super().__init__([sys.executable, os.path.join(HERE, "peers.py"), name], policy)

    def ask(self, do, **how):
        return self.say(json.dumps({"do": do, "with": how}))


class Assay(Contender):
    name = "assay"

    def __init__(self, worker):
        super().__init__([worker])

    def ask(self, do, *how, **params):
        return self.say(" ".join([do, *map(str, how), *(f"{k}={v}" for k, v in params.items())]))


CLOCK = ["seconds"]  # what races and ratios are decided by: "seconds" (wall), or "cpu" for machines that are busy otherwise


def median(answers, key=None):
    key = key or CLOCK[0]
    return statistics.median(a[key] for a in answers)


def race(calls, reps, group=lambda key: key, keep=1.2):
    """
    Interleaved repetitions: {key: call} gives {key: [answers]}. After the first round a key that took more than `keep`
    times its group's best is asked no more (its one answer stays), so that time goes to those that can win.
    """
    got = {key: [] for key in calls}
    alive = list(calls)
    for rep in range(reps):
        for key in alive:
            got[key].append(calls[key]())
        if rep == 0:
            best = {}
            for key in alive:
                best[group(key)] = min(best.get(group(key), 1e99), got[key][0][CLOCK[0]])
            alive = [key for key in alive if got[key][0][CLOCK[0]] <= keep * best[group(key)]]
    return got


def best_of(got, keys):
    """The key of the least median, and its answers."""
    key = min(keys, key=lambda k: median(got[k]))
    return key, got[key]
