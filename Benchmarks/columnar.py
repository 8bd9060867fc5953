#!/usr/bin/env python3
"""The peers' half of Benchmarks/peers: loads the data sets into one engine, measures, prints figures as one JSON object.

It runs under the Python that has the engines, a process for each engine and round:

    columnar.py duckdb|clickhouse DATA DIRECTORY [--queries N]

Answers are compared with what numpy makes of the same columns: an engine that is fast and wrong ends with an error.
"""

import argparse
import json
import os
import sys
import time

import numpy

DAY = 1440
SPANS = {"1h": 60, "24h": DAY, "30d": 30 * DAY}


class Data:
    """The columns that `tally bench --write-data` wrote."""

    def __init__(self, directory):
        def column(name, kind):
            return numpy.fromfile(os.path.join(directory, name), dtype=kind)

        self.clicks = {
            "event_ms": column("clicks.event_ms.i64", "<i8"), "ad": column("clicks.ad.u64", "<u8").astype("<u4"),
            "id_high": column("clicks.id_high.u64", "<u8"), "id_low": column("clicks.id_low.u64", "<u8")}
        self.minutes = self.rows(column, "minutes")
        self.dense = self.rows(column, "dense")

    @staticmethod
    def rows(column, name):
        # Minutes and counts as the types that somebody who cares for space would declare.
        return {
            "ad": column(f"{name}.ad.u32", "<u4"), "minute": column(f"{name}.minute.i64", "<i8").astype("<u4"),
            "clicks": column(f"{name}.count.u64", "<u8").astype("<u4")}

    def series(self, ad, start, end):
        """The dense table has every minute of every ad, in order: a slice."""
        first = int(self.dense["minute"][0])
        length = int(numpy.searchsorted(self.dense["ad"], 1)) or len(self.dense["ad"])
        return self.dense["clicks"][ad * length + start - first:ad * length + end - first]


def timed(body):
    began = time.perf_counter()
    body()
    return time.perf_counter() - began


def expect(condition, what):
    if not condition:
        sys.exit(f"wrong answer: {what}")


class DuckDB:
    """A file for each table, so that its size is the table's. Every load ends with a checkpoint: it is in the file, synced."""

    def __init__(self, directory):
        import duckdb
        self.module = duckdb
        self.directory = directory

    def load(self, name, columns, order=None):
        path = os.path.join(self.directory, f"{name}.duckdb")
        rows = len(columns["ad"])
        connection = self.module.connect(path)

        def insert():
            source = columns  # noqa: F841  DuckDB finds it by its name.
            names = ", ".join(columns)
            connection.execute(
                f"CREATE TABLE rows AS SELECT {names} FROM source" + (f" ORDER BY {order}" if order else ""))
            connection.execute("CHECKPOINT")

        took = timed(insert)
        expect(connection.execute("SELECT count(*) FROM rows").fetchone()[0] == rows, f"rows of {name}")
        connection.close()
        return rows / took, os.path.getsize(path) / rows

    def open(self, name):
        self.connection = self.module.connect(os.path.join(self.directory, f"{name}.duckdb"))

    def series(self, ad, start, end):
        answer = self.connection.execute(
            "SELECT minute, clicks FROM rows WHERE ad = ? AND minute >= ? AND minute < ? ORDER BY minute",
            [ad, start, end]).fetchnumpy()
        return answer["clicks"]

    def totals(self, start, end):
        answer = self.connection.execute(
            "SELECT minute, sum(clicks) AS clicks FROM rows WHERE minute >= ? AND minute < ? GROUP BY minute ORDER BY minute",
            [start, end]).fetchnumpy()
        return answer["clicks"]

    def measure(self, data):
        figures = {}
        figures["load@clicks"], figures["bytes@clicks-as-came"] = self.load("clicks", data.clicks)
        _, figures["bytes@clicks"] = self.load("clicks-id", data.clicks, "id_high, id_low")
        _, figures["bytes@clicks-by-ad"] = self.load("clicks-ad", data.clicks, "ad, event_ms")
        figures["load@minutes"], figures["bytes@minutes"] = self.load("minutes", data.minutes)
        figures["load@dense"], figures["bytes@dense"] = self.load("dense", data.dense)
        self.open("dense")
        return figures


class ClickHouse:
    """MergeTree tables, synced at insertion. Sizes are those of the one part that is left after all merges."""

    def __init__(self, directory):
        from chdb import session
        self.session = session.Session(os.path.join(directory, "clickhouse"))
        self.session.query("CREATE DATABASE bench ENGINE = Atomic")

    def load(self, name, columns, types, order):
        import pyarrow
        declared = ", ".join(f"{column} {kind}" for column, kind in zip(columns, types))
        self.session.query(
            f"CREATE TABLE bench.{name} ({declared}) ENGINE = MergeTree ORDER BY ({order}) "
            "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1")
        source = pyarrow.table(columns)  # noqa: F841  chdb finds it by its name.
        names = ", ".join(columns)
        took = timed(lambda: self.insert(name, names, source))
        merging = timed(lambda: self.session.query(f"OPTIMIZE TABLE bench.{name} FINAL"))
        rows, size = self.session.query(
            f"SELECT sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND table = '{name}'", "CSV").data().split(",")
        expect(int(rows) == len(columns["ad"]), f"rows of {name}")
        return int(rows) / took, int(size) / int(rows), merging

    def insert(self, name, names, source):
        self.session.query(f"INSERT INTO bench.{name} SELECT {names} FROM Python(source)")

    def ask(self, query):
        """The second column of an answer of (UInt32, UInt64) rows."""
        answer = numpy.frombuffer(
            self.session.query(query, "RowBinary").bytes(), dtype=[("minute", "<u4"), ("clicks", "<u8")])
        return answer["clicks"]

    def series(self, ad, start, end):
        return self.ask(
            f"SELECT minute, toUInt64(clicks) FROM bench.dense WHERE ad = {ad} AND minute >= {start} AND minute < {end} "
            "ORDER BY minute")

    def totals(self, start, end):
        return self.ask(
            f"SELECT minute, toUInt64(sum(clicks)) FROM bench.dense WHERE minute >= {start} AND minute < {end} "
            "GROUP BY minute ORDER BY minute")

    def measure(self, data):
        clicks = ["Int64", "UInt32", "UInt64", "UInt64"]
        rows = ["UInt32"] * 3
        tuned = ["UInt32 CODEC(DoubleDelta, ZSTD(1))"] * 2 + ["UInt32 CODEC(T64, ZSTD(1))"]
        figures = {}
        figures["load@clicks"], figures["bytes@clicks"], figures["merge@clicks"] = self.load(
            "clicks", data.clicks, clicks, "id_high, id_low")
        _, figures["bytes@clicks-by-ad"], _ = self.load("clicks_ad", data.clicks, clicks, "ad, event_ms")
        for name, columns in (("minutes", data.minutes), ("dense", data.dense)):
            figures[f"load@{name}"], figures[f"bytes@{name}"], _ = self.load(name, columns, rows, "ad, minute")
            _, figures[f"bytes@{name}-tuned"], _ = self.load(f"{name}_tuned", columns, tuned, "ad, minute")
            self.session.query(f"DROP TABLE bench.{name}_tuned SYNC")
        return figures


def ask(engine, data, queries, figures):
    """Times of single queries, in µs: a few hundred of each kind, in the order that one seed gives."""
    chance = numpy.random.default_rng(7)
    ads = int(data.dense["ad"][-1]) + 1
    first = int(data.dense["minute"][0])
    length = len(data.dense["ad"]) // ads
    for name, span in SPANS.items():
        times = []
        for number in range(queries + queries // 10):
            ad = int(chance.integers(ads))
            start = first + int(chance.integers(length - span + 1))
            began = time.perf_counter()
            answer = engine.series(ad, start, start + span)
            took = time.perf_counter() - began
            expect(numpy.array_equal(answer, data.series(ad, start, start + span)), f"the series of ad {ad}")
            # The first tenth warms caches and is not counted.
            if number >= queries // 10:
                times.append(took * 1e6)
        figures[f"p50@{name}"], figures[f"p99@{name}"] = numpy.percentile(times, [50, 99])
    table = data.dense["clicks"].reshape(ads, length)
    times = []
    for number in range(max(6, queries // 10)):
        day = int(chance.integers(length // DAY))
        start = first + day * DAY
        began = time.perf_counter()
        answer = engine.totals(start, start + DAY)
        took = time.perf_counter() - began
        expect(numpy.array_equal(answer, table[:, day * DAY:(day + 1) * DAY].sum(axis=0)), f"the totals of day {day}")
        if number > 0:
            times.append(took * 1e6)
    figures["p50@totals-scan"] = float(numpy.median(times))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=["duckdb", "clickhouse"])
    parser.add_argument("data")
    parser.add_argument("directory")
    parser.add_argument("--queries", type=int, default=300)
    options = parser.parse_args()
    data = Data(options.data)
    engine = {"duckdb": DuckDB, "clickhouse": ClickHouse}[options.engine](options.directory)
    figures = engine.measure(data)
    ask(engine, data, options.queries, figures)
    print(json.dumps({name: float(value) for name, value in figures.items()}))


main()
