#!/usr/bin/env python3
"""The peers' half of the recount: of each identity the click that was received first counts, clicks per (ad, minute).

It runs under the Python that has the engines, a process for each step, engine and data set:

    recount.py load ENGINE DATA DIRECTORY NAME       the columns of DATA become the engine's own files, NAME
    recount.py recount ENGINE DIRECTORY NAME         what is measured: from these files to a table of counts, synced
    recount.py answer ENGINE DIRECTORY NAME          rows and clicks of the table, which then goes
    recount.py lines DATA DIRECTORY END              clicks.csv and ads.csv for `tally import`, times moved so that they end at
                                                     END, ms since 1970, by whole minutes

Where a step prints figures, it is one JSON object.
"""

import json
import os
import shutil
import sys
import time

DAY_END = 1_750_032_000_000


def columns(data):
    """The clicks that `tally bench --write-data` wrote, in the order of their arrival, with a row number."""
    import numpy

    def column(name, kind):
        return numpy.fromfile(os.path.join(data, f"clicks.{name}"), dtype=kind)

    clicks = {
        "event_ms": column("event_ms.i64", "<i8"), "ad": column("ad.u64", "<u8").astype("<u4"),
        "id_high": column("id_high.u64", "<u8"), "id_low": column("id_low.u64", "<u8")}
    clicks["number"] = numpy.arange(len(clicks["ad"]), dtype="<u4")
    return clicks


def timed(body):
    began = time.perf_counter()
    body()
    return time.perf_counter() - began


def synced(path):
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


class DuckDB:
    """A table in a file of its own; the lowest row number is the click that came first."""

    def __init__(self, directory, name):
        import duckdb
        self.connection = duckdb.connect(os.path.join(directory, f"{name}.duckdb"))

    def load(self, clicks):
        source = {name: column for name, column in clicks.items() if name != "number"}  # DuckDB finds it by its name.
        self.connection.execute(f"CREATE TABLE clicks AS SELECT {', '.join(source)} FROM source")
        self.connection.execute("CHECKPOINT")

    def recount(self):
        self.connection.execute(
            "CREATE TABLE counts AS SELECT ad, minute, count(*) AS clicks FROM "
            "(SELECT ad, arg_min(event_ms, rowid) // 60000 AS minute FROM clicks GROUP BY ad, id_high, id_low) "
            "GROUP BY ad, minute ORDER BY ad, minute")
        self.connection.execute("CHECKPOINT")

    def answer(self):
        answer = self.connection.execute("SELECT count(*), sum(clicks) FROM counts").fetchone()
        self.connection.execute("DROP TABLE counts")
        self.connection.execute("CHECKPOINT")
        return answer


class ClickHouse:
    """MergeTree tables in the order of arrival, synced at insertion, in one part."""

    SYNCED = "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"

    def __init__(self, directory, name):
        from chdb import session
        self.session = session.Session(os.path.join(directory, f"{name}.clickhouse"))

    def load(self, clicks):
        import pyarrow
        source = pyarrow.table(clicks)  # noqa: F841  chdb finds it by its name.
        self.session.query("CREATE DATABASE bench ENGINE = Atomic")
        self.session.query(
            "CREATE TABLE bench.clicks (event_ms Int64, ad UInt32, id_high UInt64, id_low UInt64, number UInt32) "
            f"ENGINE = MergeTree ORDER BY number {self.SYNCED}")
        self.session.query(f"INSERT INTO bench.clicks SELECT {', '.join(clicks)} FROM Python(source)")
        self.session.query("OPTIMIZE TABLE bench.clicks FINAL")
        self.session.query(
            "CREATE TABLE bench.counts (ad UInt32, minute UInt32, clicks UInt32) ENGINE = MergeTree "
            f"ORDER BY (ad, minute) {self.SYNCED}")

    def recount(self):
        self.session.query(
            "INSERT INTO bench.counts SELECT ad, minute, count() FROM "
            "(SELECT ad, intDiv(argMin(event_ms, number), 60000) AS minute FROM bench.clicks GROUP BY ad, id_high, id_low) "
            "GROUP BY ad, minute")

    def answer(self):
        answer = self.session.query("SELECT count(), sum(clicks) FROM bench.counts", "CSV").data().split(",")
        self.session.query("TRUNCATE TABLE bench.counts SYNC")
        return answer


class Polars:
    """A Parquet file in, one out."""

    def __init__(self, directory, name):
        import polars
        self.polars = polars
        self.source = os.path.join(directory, f"{name}.parquet")
        self.result = os.path.join(directory, f"{name}-polars.parquet")

    def load(self, clicks):
        self.polars.DataFrame(clicks).write_parquet(self.source)
        synced(self.source)

    def recount(self):
        polars = self.polars
        # Rows of a group keep their order, so the first is the one with the lowest number.
        table = (
            polars.scan_parquet(self.source).group_by("ad", "id_high", "id_low").agg(polars.col("event_ms").first())
            .group_by("ad", (polars.col("event_ms") // 60_000).alias("minute")).agg(polars.len().alias("clicks"))
            .sort("ad", "minute").collect())
        table.write_parquet(self.result)
        synced(self.result)

    def answer(self):
        table = self.polars.read_parquet(self.result)
        os.unlink(self.result)
        return table.height, table["clicks"].sum()


class Spark:
    """A Parquet file in, a directory of Parquet files out, synced. The work is the Java process's, and so are the figures."""

    def __init__(self, directory, name):
        from pyspark.sql import SparkSession
        self.source = os.path.join(directory, f"{name}-spark.parquet")
        self.result = os.path.join(directory, f"{name}-spark")
        self.session = (
            SparkSession.builder.master("local[2]").config("spark.driver.memory", "8g").config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.sql.shuffle.partitions", "8").config("spark.local.dir", directory)
            .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1").getOrCreate())
        self.session.sparkContext.setLogLevel("ERROR")
        self.process = self.session.sparkContext._gateway.proc.pid

    def load(self, clicks):
        import pyarrow
        from pyarrow import parquet
        # Spark has no unsigned numbers; as signed ones they are equal where they were.
        signed = {name: column.view(column.dtype.str.replace("u", "i")) for name, column in clicks.items()}
        parquet.write_table(pyarrow.table(signed), self.source, row_group_size=1_000_000)
        self.session.stop()

    def recount(self):
        from pyspark.sql import functions
        (self.session.read.parquet(self.source).groupBy("ad", "id_high", "id_low")
            .agg(functions.min_by("event_ms", "number").alias("event_ms"))
            .groupBy("ad", functions.expr("event_ms div 60000").alias("minute")).count()
            .write.parquet(self.result))
        os.sync()

    def usage(self):
        """CPU time and most memory of the Java process."""
        with open(f"/proc/{self.process}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        with open(f"/proc/{self.process}/status") as file:
            peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))
        self.session.stop()
        return {"cpu": (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), "memory": peak * 1024 / 1e6}

    def answer(self):
        from pyspark.sql import functions
        counts = self.session.read.parquet(self.result)
        answer = counts.count(), counts.agg(functions.sum("count")).first()[0]
        self.session.stop()
        shutil.rmtree(self.result)
        return answer


ENGINES = {"duckdb": DuckDB, "clickhouse": ClickHouse, "polars": Polars, "spark": Spark}


def lines(data, directory, end):
    """What an operator would import: a file of clicks as they came, and one of their ads."""
    import duckdb
    clicks = columns(data)
    shift = (end - DAY_END) // 60_000 * 60_000
    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = true")
    connection.execute(
        f"COPY (SELECT ad AS adId, format('{{:016x}}{{:016x}}', id_high, id_low) AS impressionId, event_ms + {shift} AS time "
        f"FROM clicks ORDER BY number) TO '{directory}/clicks.csv' (HEADER)")
    connection.execute(
        "COPY (SELECT DISTINCT ad AS adId, 'https://www.example.com/landing/' || ad AS redirectUrl, 'bench' AS advertiserId "
        f"FROM clicks ORDER BY ad) TO '{directory}/ads.csv' (HEADER)")
    return len(clicks["ad"])


def main():
    step, *words = sys.argv[1:]
    if step == "lines":
        print(json.dumps({"clicks": lines(words[0], words[1], int(words[2]))}))
        return
    engine, *words = words
    if step == "load":
        data, directory, name = words
        ENGINES[engine](directory, name).load(columns(data))
    elif step == "recount":
        peer = ENGINES[engine](*words)
        figures = {"time": timed(peer.recount)}
        if hasattr(peer, "usage"):
            figures.update(peer.usage())
        print(json.dumps(figures))
    elif step == "answer":
        rows, clicks = ENGINES[engine](*words).answer()
        print(json.dumps({"rows": int(rows), "clicks": int(clicks)}))
    else:
        sys.exit(__doc__)


main()
