"""The recount as users run it: `tally reconcile`, and what peers make of the same clicks, each a process of its own.

Two data sets, three stores, made once:

    imported   the day's clicks, through `tally ads import` and `tally import`: repeats were dropped
    browsers   the same clicks, committed as /click does (`tally bench --write-store`): repeats beyond a second count
    skewed     4 million clicks, a quarter of them on one ad, imported

A recount changes a store, so each is of a copy; copying and checking are outside of the time.
"""

import json
import os
import shutil
import subprocess
import time

from peers import expect, measured

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recount.py")
# Store and data set.
STORES = {"imported": "day", "browsers": "day", "skewed": "skewed"}
# Between the end of the clicks and the present, ms: by then their minutes are closed.
AGE = 300_000


class Recount:
    """The stores and tables of one run, and a round of each engine."""

    def __init__(self, tally, python, data, directory, engines):
        self.tally = tally
        self.python = python
        self.data = data
        self.directory = os.path.join(directory, "recount")
        self.answers = {}
        os.mkdir(self.directory)
        self.repeats = {}
        # What making the stores took: told, not compared.
        self.notes = []
        for engine in engines:
            for name in data:
                if engine != "tally":
                    self.step("load", engine, data[name], self.directory, name)
        if "tally" in engines:
            for store in STORES:
                self.make(store)

    def step(self, *words):
        return measured([self.python, SCRIPT, *words])

    def make(self, store):
        """Makes one of the stores."""
        data, path = self.data[STORES[store]], os.path.join(self.directory, store)
        if store == "browsers":
            figures, output = measured([self.tally, "bench", "--write-store", path, "--data", data])
            made = json.loads(output)
            self.repeats[store] = made["repeats"]
            self.note(
                f"{store}: {made['clicks']:,} clicks, {made['dropped']:,} repeats dropped at once, {made['repeats']:,} counted",
                figures)
            return
        lines = os.path.join(self.directory, "lines")
        os.mkdir(lines)
        end = int(time.time() * 1000) - AGE
        clicks = json.loads(self.step("lines", data, lines, str(end))[1])["clicks"]
        figures, _ = measured([self.tally, "ads", "import", f"{lines}/ads.csv", "--data-dir", path])
        self.note(f"{store}: tally ads import", figures)
        figures, _ = measured([self.tally, "import", f"{lines}/clicks.csv", "--history", "--data-dir", path])
        self.note(f"{store}: tally import, {clicks / figures['wall'] / 1e6:.2f} M clicks/s", figures)
        self.repeats[store] = 0
        shutil.rmtree(lines)

    def note(self, words, figures):
        self.notes.append(
            f"{words}: {figures['wall']:.1f} s, {figures['cpu']:.1f} s of CPU, {figures['memory']:.0f} MB")

    def round(self, engine):
        """The figures of one engine, by name."""
        figures = {}
        if engine == "tally":
            for store in STORES:
                self.reconcile(store, figures)
        else:
            for name in self.data:
                taken, output = self.step("recount", engine, self.directory, name)
                # What its own process says goes before: of Spark, the work is another one's.
                said = {"process": taken["wall"], "cpu": taken["cpu"], "memory": taken["memory"], **json.loads(output)}
                figures.update({f"{figure}@{name}": value for figure, value in said.items()})
                self.check(engine, name, json.loads(self.step("answer", engine, self.directory, name)[1]))
        return figures

    def reconcile(self, store, figures):
        copy = os.path.join(self.directory, "copy")
        subprocess.run(["cp", "-a", os.path.join(self.directory, store), copy], check=True)
        # What the copy has left to the disk is not the recount's.
        os.sync()
        command = [self.tally, "reconcile", "--data-dir", copy, "--format", "json"]
        taken, output = measured(command)
        result = json.loads(output)
        expect(
            result["repeatsRemoved"] == self.repeats[store] == result["clicksRemoved"] and result["clicksAdded"] == 0,
            f"{store}: {result['repeatsRemoved']} repeats and {result['clicksRemoved']} clicks were taken away, "
            f"{result['clicksAdded']} added; counted were {self.repeats[store]} repeats")
        figures.update({f"{'time' if name == 'wall' else name}@{store}": value for name, value in taken.items()})
        taken, output = measured(command)
        expect(json.loads(output)["rowsCorrected"] == 0, f"{store}: the second recount corrected rows")
        figures[f"again@{store}"] = taken["wall"]
        # Every row against the exact count.
        data = self.data[STORES[store]]
        self.check(f"tally, {store}", STORES[store], json.loads(
            measured([self.tally, "bench", "--check-store", copy, "--data", data])[1]))
        shutil.rmtree(copy)

    def check(self, who, name, answer):
        """All engines have the same rows and clicks of a data set."""
        other, known = self.answers.setdefault(name, (who, answer))
        expect(known == answer, f"{name}: {who} has {answer}, {other} has {known}")
