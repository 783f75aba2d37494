#!/usr/bin/env python3
"""Times the import of interactions beside polars, which merely reads the same file into memory.

    cargo build --release -p palate-service --example import_throughput
    pip install polars numpy pyarrow
    python3 tests/bench/import.py [--rows 50000000] [--seed 1] [--threads 2] [--folder FOLDER] [--keep]
                                  [--formats csv,csv.gz,csv.zst,parquet] [--times 1]

Makes up the rows from the seed (made_up.py) and writes them as CSV, CSV in gzip, CSV in Zstandard and Parquet
(polars' defaults), all streaming. Then a process of polars with so many threads reads the CSV, and one of the import
each format, one after the other. Prints a Markdown table; MB/s are of the rows as CSV text, whatever the format.
CPU seconds, of user and system, say more than seconds where other programs run. At last, with fewer rows, the parts that imports write are read by polars and by pyarrow, and must hold what the
files hold.
"""
import argparse
import gzip
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl

import made_up

READ = """
import sys, time
import polars as pl
read = pl.read_parquet if sys.argv[1].endswith("parquet") else pl.read_csv
pl.DataFrame({"a": [1]}).select(pl.col("a").sum())  # Threads are there before the clock starts.
for _ in range(int(sys.argv[2])):
    start = time.perf_counter()
    frame = read(sys.argv[1])
    print("seconds", time.perf_counter() - start, frame.height)
    del frame
print("peak", next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def make(folder, rows, seed, formats):
    csv = folder / "in.csv"
    made_up.write_csv(csv, rows, seed)
    files = {"csv": csv}
    if "csv.gz" in formats:
        files["csv.gz"] = folder / "in.csv.gz"
        with csv.open("rb") as plain, gzip.open(files["csv.gz"], "wb", compresslevel=1) as packed:
            shutil.copyfileobj(plain, packed, 1 << 20)
    if "csv.zst" in formats:
        import pyarrow
        files["csv.zst"] = folder / "in.csv.zst"
        with csv.open("rb") as plain, pyarrow.CompressedOutputStream(str(files["csv.zst"]), "zstd") as packed:
            shutil.copyfileobj(plain, packed, 1 << 20)
    if "parquet" in formats:
        files["parquet"] = folder / "in.parquet"
        pl.scan_csv(csv).sink_parquet(files["parquet"])
    return {kind: files[kind] for kind in formats}


def timed(command, seconds, peak, env, times):
    """Best seconds, CPU seconds of one time, and peak memory in MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | env).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return min(float(found) for found in re.findall(seconds, out)), cpu / times, int(re.search(peak, out)[1]) / 1e3


def polars(file, times, threads):
    return timed([sys.executable, "-c", READ, file, str(times)], r"seconds (\S+)", r"peak (\d+)",
                 {"POLARS_MAX_THREADS": str(threads)}, times)


def imported(program, file, schema, times, folder):
    return timed([program, file, schema, str(times)], r"rows: ([\d.]+) s", r"memory (\d+)", {"TMPDIR": str(folder)}, times)


def compare(program, folder, seed):
    """Parts are ordinary Parquet: others read in them what was imported."""
    import pyarrow.parquet as pq
    small = folder / "small"
    small.mkdir()
    schema = folder / "schema.json"
    for kind, file in make(small, 1_200_000, seed, ["csv", "parquet"]).items():
        parts = small / f"parts of {kind}"
        subprocess.run([program, file, schema, "1", parts], check=True, capture_output=True,
                       env=os.environ | {"TMPDIR": str(folder)})
        expected = pl.read_csv(small / "in.csv")
        found = sorted(parts.iterdir())
        assert pl.concat([pl.read_parquet(part) for part in found]).equals(expected), f"polars, {kind}"
        assert pl.concat([pl.from_arrow(pq.read_table(part)) for part in found]).equals(expected), f"pyarrow, {kind}"
    print("polars and pyarrow read in the parts what was imported.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--formats", default="csv,csv.gz,csv.zst,parquet")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--program", type=Path, default=Path("target/release/examples/import_throughput"))
    args = parser.parse_args()
    if not args.program.exists():
        sys.exit(f"{args.program} is not there: cargo build --release -p palate-service --example import_throughput")
    folder = Path(tempfile.mkdtemp(dir=args.folder))
    try:
        formats = args.formats.split(",")
        files = make(folder, args.rows, args.seed, formats)
        schema = folder / "schema.json"
        schema.write_text(json.dumps(made_up.SCHEMA))
        text_mb = (folder / "in.csv").stat().st_size / 1e6
        print(f"{args.rows:,} rows, {text_mb:,.0f} MB of CSV, polars {pl.__version__} with {args.threads} threads, "
              f"load {os.getloadavg()[0]:.1f}\n")
        print("| | file, MB | s | CPU s | MB/s | rows/s, M | times polars | peak memory, MB |")
        print("|---|---:|---:|---:|---:|---:|---:|---:|")
        csv = folder / "in.csv"
        measured = {"polars `read_csv`": (csv, polars(csv, args.times, args.threads))}
        theirs = measured["polars `read_csv`"][1][0]
        for kind, file in files.items():
            measured[f"import, {kind}"] = file, imported(args.program, file, schema, args.times, folder)
        for name, (file, (seconds, cpu, peak)) in measured.items():
            print(f"| {name} | {file.stat().st_size / 1e6:,.0f} | {seconds:.2f} | {cpu:.2f} | {text_mb / seconds:,.0f} "
                  f"| {args.rows / seconds / 1e6:.2f} | {theirs / seconds:.2f} | {peak:,.0f} |")
        if {"csv", "parquet"} <= files.keys():
            csv, parquet = measured["import, csv"][1], measured["import, parquet"][1]
            print(f"\nParquet is imported {csv[0] / parquet[0]:.2f} times as fast as CSV, "
                  f"in {csv[1] / parquet[1]:.2f} times less CPU time.")
        compare(args.program, folder, args.seed)
    finally:
        if args.keep:
            print(f"kept in {folder}")
        else:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
