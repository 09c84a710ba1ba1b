# SPDX-License-Identifier: Apache-2.0
"""The report: tables as they come, goals judged at the end, and all of it as JSON."""
import json
import math
import os
import statistics
import time

# Of Student's t with 4 degrees of freedom, one-sided 95 %: what five paired differences may be off by chance.
T95 = {3: 2.92, 5: 2.13}


class Report:
    def __init__(self):
        self.goals, self.tables, self.start = [], [], time.time()

    def say(self, text=""):
        print(text, flush=True)

    def table(self, title, head, rows, note=""):
        """Prints rows under a head; the first column to the left, the others to the right."""
        self.tables.append({"title": title, "head": head, "rows": rows, "note": note})
        text = [[str(c) for c in r] for r in [head] + rows]
        width = [max(len(r[i]) for r in text) for i in range(len(head))]
        self.say(f"\n{title}")
        for r in text:
            self.say("  " + "  ".join(c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(r, width))))
        if note:
            self.say(f"  ({note})")

    def goal(self, section, what, figure, least=None, most=None, unit="x", of_cpu=None):
        """A figure that must be at least `least`, or at most `most`. `of_cpu`: the same ratio in processor seconds."""
        met = (least is None or figure >= least) and (most is None or figure <= most)
        self.goals.append({"section": section, "what": what, "figure": figure, "least": least, "most": most, "unit": unit, "cpu": of_cpu, "met": met})
        return met

    def paired(self, section, what, ours, theirs, unit):
        """Losses of paired runs: not worse, within what chance explains. Returns mean and standard error of ours - theirs."""
        d = [a - b for a, b in zip(ours, theirs)]
        mean, se = statistics.mean(d), statistics.stdev(d) / math.sqrt(len(d)) if len(d) > 1 else 0.0
        worst = T95.get(len(d), 2.0) * se
        # Equal to the last digits shown counts as equal: sets that all solve exactly have no spread.
        slack = 1e-4 * abs(statistics.mean(theirs)) + 1e-6
        self.goals.append({"section": section, "what": what, "figure": mean, "se": se, "most": worst + slack, "unit": unit, "met": mean <= worst + slack})
        return mean, se

    def verdict(self):
        """Every goal with its figure; returns how many are not met."""
        rows = []
        for g in self.goals:
            if "se" in g:
                figure, wanted = f"{g['figure']:+.5f} se {g['se']:.5f}", f"<= {g['most']:.5f}"
            else:
                figure = f"{g['figure']:.2f} {g['unit']}" + (f" ({g['cpu']:.2f} cpu)" if g["cpu"] else "")
                wanted = f">= {g['least']:g}" if g["least"] is not None else f"<= {g['most']:g}"
            rows.append([f"{g['section']} {g['what']}", figure, wanted, "met" if g["met"] else "NOT MET"])
        self.table("Goals", ["what", "figure", "goal", ""], rows)
        missed = sum(not g["met"] for g in self.goals)
        self.say(f"\n{len(self.goals) - missed} of {len(self.goals)} goals met; {time.time() - self.start:.0f} s")
        return missed

    def save(self, path, about):
        with open(path + ".tmp", "w") as f:
            json.dump({"about": about, "seconds": time.time() - self.start, "goals": self.goals, "tables": self.tables}, f, indent=1)
        os.replace(path + ".tmp", path)
