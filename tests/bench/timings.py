#!/usr/bin/env python3
"""Times the main path through the API, with the time that each job itself took and the memory peak.

    python3 tests/bench/timings.py --data DIR [--palate target/release/palate] [--keep FOLDER] [--recipes RECIPE ...]

DIR holds interactions.csv[.gz], items.csv[.gz], users.csv[.gz] in Amazon Personalize's form. Starts a server
of its own on a free port, imports, trains and deploys the recipes, aws-sims and palate-transitions unless others are
named, one after the other with their defaults, and prints a Markdown table. With --keep the data folder stays, and the
lines to run the latency example and the load program on it are printed.
"""
import argparse
import csv
import io
import os
import re
import tempfile
import time
from pathlib import Path

import boto3

from server import datasets, imported, served, settled, tables, trained

def peak_mb(process):
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--palate", type=Path, default=Path("target/release/palate"))
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--recipes", nargs="+", default=["aws-sims", "palate-transitions"])
    args = parser.parse_args()
    folder = args.keep or Path(tempfile.mkdtemp())
    with (folder.parent / f"{folder.name}.log").open("w") as log, served(args.palate, folder, log) as (process, _):
        run(args, folder, process)


def run(args, folder, process):
    personalize = boto3.client("personalize")
    group = personalize.create_dataset_group(name="bench")["datasetGroupArn"]
    rows = []
    bodies = tables(args.data, ("Interactions", "Items", "Users"))
    users = sorted({row["USER_ID"] for row in csv.DictReader(io.StringIO(bodies["Interactions"].decode()))})
    total = sum(map(len, bodies.values()))
    arns = datasets(personalize, group, bodies)
    start = time.perf_counter()
    imported(personalize, arns)
    rows.append((f"import of {len(arns)} files ({total / 1e6:.0f} MB)", time.perf_counter() - start, peak_mb(process)))
    for recipe in args.recipes:
        solution = personalize.create_solution(
            name=recipe, datasetGroupArn=group, recipeArn=f"arn:aws:personalize:::recipe/{recipe}")["solutionArn"]
        start = time.perf_counter()
        version = trained(personalize, solution)
        rows.append((f"{recipe}: training with evaluation", time.perf_counter() - start, peak_mb(process)))
        start = time.perf_counter()
        campaign = personalize.create_campaign(name=recipe, solutionVersionArn=version)["campaignArn"]
        settled(lambda: personalize.describe_campaign(campaignArn=campaign)["campaign"])
        rows.append((f"{recipe}: deployment", time.perf_counter() - start, peak_mb(process)))
    runtime = boto3.client("personalize-runtime")
    for user in users[:200]:
        runtime.get_recommendations(campaignArn=campaign, userId=user)
    print(f"data: {args.data.name}; {os.cpu_count()} cores\n")
    print("| step | seconds | peak memory of palate so far, MB |\n|---|---:|---:|")
    for name, seconds, memory in rows:
        print(f"| {name} | {seconds:.2f} | {memory:.0f} |")
    if args.keep:
        (folder / "users.txt").write_text("\n".join(users) + "\n")
        print(f"\ncampaign: {campaign}")
        print(f"cargo run --release -p palate-service --example latency -- {folder} {campaign} {folder}/users.txt")


if __name__ == "__main__":
    main()
