#!/usr/bin/env python3
"""Times the main path through the API, with the time that each job itself took and the memory peak.

    python3 tests/bench/timings.py --data DIR [--palate target/release/palate] [--keep FOLDER] [--recipes RECIPE ...]

DIR holds interactions.csv[.gz], items.csv[.gz], users.csv[.gz] in Amazon Personalize's form. Starts a server
of its own on a free port, imports, trains and deploys the recipes, aws-sims and palate-transitions unless others are
named, one after the other with their defaults, and prints a Markdown table. With --keep the data folder stays, and the lines to run the latency example and
the load program on it are printed.
"""
import argparse
import csv
import gzip
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3

NUMBERS = {"TIMESTAMP": "long", "CREATION_TIMESTAMP": "long", "EVENT_VALUE": "float", "AGE": "int", "YEAR": "int", "PRICE": "float"}
REQUIRED = {"Interactions": {"USER_ID", "ITEM_ID", "TIMESTAMP"}, "Items": {"ITEM_ID"}, "Users": {"USER_ID"}}


def schema(kind, header):
    """An Avro schema for a CSV header."""
    fields = []
    for name in header:
        number = NUMBERS.get(name)
        if name in REQUIRED[kind] or name == "EVENT_TYPE":
            fields.append({"name": name, "type": number or "string"})
        elif name == "DESCRIPTION":
            fields.append({"name": name, "type": ["null", "string"], "textual": True})
        else:
            categorical = {} if number else {"categorical": True}
            fields.append({"name": name, "type": ["null", number or "string"], **categorical})
    return json.dumps({"type": "record", "name": kind, "namespace": "com.amazonaws.personalize.schema",
                       "version": "1.0", "fields": fields})


def settled(describe):
    """Polls until the resource settles; fine enough to time jobs of a tenth of a second."""
    while (found := describe())["status"] not in ("ACTIVE", "CREATE FAILED"):
        time.sleep(0.01)
    if found["status"] != "ACTIVE":
        sys.exit(f"CREATE FAILED: {found.get('failureReason')}")
    return found


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
    log = (folder.parent / f"{folder.name}.log").open("w")
    process = subprocess.Popen([args.palate, "serve", "--port", "0", "--data", folder],
                               stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        address = next(m[0] for line in process.stdout if (m := re.search(r"http://[\d.:]+", line)))
        os.environ |= {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
                       "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
        run(args, folder, process)
    finally:
        process.terminate()
        process.wait()


def run(args, folder, process):
    s3, personalize = boto3.client("s3"), boto3.client("personalize")
    s3.create_bucket(Bucket="bench")
    group = personalize.create_dataset_group(name="bench")["datasetGroupArn"]
    rows = []
    datasets, total = {}, 0
    for kind in ("Interactions", "Items", "Users"):
        found = [p for p in (args.data / f"{kind.lower()}.csv", args.data / f"{kind.lower()}.csv.gz") if p.exists()]
        if not found:
            continue
        body = gzip.decompress(found[0].read_bytes()) if found[0].suffix == ".gz" else found[0].read_bytes()
        if kind == "Interactions":
            users = sorted({row["USER_ID"] for row in csv.DictReader(io.StringIO(body.decode()))})
        s3.put_object(Bucket="bench", Key=f"{kind.lower()}.csv", Body=body)
        total += len(body)
        header = next(csv.reader(io.StringIO(body[:65536].decode("utf-8", "replace"))))
        schema_arn = personalize.create_schema(name=kind, schema=schema(kind, header))["schemaArn"]
        datasets[kind] = personalize.create_dataset(
            name=kind, schemaArn=schema_arn, datasetGroupArn=group, datasetType=kind)["datasetArn"]
    start = time.perf_counter()
    jobs = [personalize.create_dataset_import_job(
        jobName=f"import-{kind}", datasetArn=arn, roleArn="arn:aws:iam::000000000000:role/any",
        dataSource={"dataLocation": f"s3://bench/{kind.lower()}.csv"})["datasetImportJobArn"]
        for kind, arn in datasets.items()]
    for job in jobs:
        settled(lambda: personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"])
    rows.append((f"import of {len(jobs)} files ({total / 1e6:.0f} MB)", time.perf_counter() - start, peak_mb(process)))
    for recipe in args.recipes:
        solution = personalize.create_solution(
            name=recipe, datasetGroupArn=group, recipeArn=f"arn:aws:personalize:::recipe/{recipe}")["solutionArn"]
        start = time.perf_counter()
        version = personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        settled(lambda: personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"])
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
