#!/usr/bin/env python3
"""How long StopSolutionVersionCreation takes to stop a training, for every recipe and at several moments of it.

    cargo build --release -p palate
    RAYON_NUM_THREADS=2 python3 tests/bench/stop_times.py --data DATA/ml-1m [--after 0.5 2 5 15] [--only aws-sims]

DATA/ml-1m has interactions.csv[.gz] and items.csv[.gz] in Amazon Personalize's form. Starts a server of its own, imports,
and for each recipe begins versions that it stops so many seconds after they are CREATE IN_PROGRESS, until one has
become ACTIVE before its moment came. A time is that from the call to the first answer of DescribeSolutionVersion that
says CREATE STOPPED, asked for every 20 ms. Prints a table in Markdown with the longest and where the training was then,
as /_palate/jobs tells it; exits 1 if one took longer than `--most` seconds.
"""
import argparse
import json
import os
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import boto3

from server import datasets, imported, served, settled, tables

BIN = Path(os.environ.get("PALATE_BIN_DIR", Path(__file__).resolve().parents[2] / "target" / "release"))
RECIPES = [
    "aws-popularity-count", "aws-trending-now", "aws-sims", "aws-similar-items", "aws-item-affinity",
    "aws-item-attribute-affinity", "palate-transitions", "palate-ease", "palate-ials", "palate-session-knn", "aws-hrnn",
    "aws-hrnn-metadata", "aws-personalized-ranking", "aws-user-personalization", "aws-user-personalization-v2",
    "aws-personalized-ranking-v2",
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--after", type=float, nargs="*", default=[0.5, 2, 5, 15], help="seconds from the beginning")
    parser.add_argument("--most", type=float, default=2.0)
    parser.add_argument("--only", nargs="*", default=RECIPES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(BIN / "palate", folder) as (_, address):
        late = measure(options, address)
    for line in late:
        print(line, file=sys.stderr)
    return 1 if late else 0


def measure(options, address):
    personalize = boto3.client("personalize")
    group = personalize.create_dataset_group(name="bench")["datasetGroupArn"]
    imported(personalize, datasets(personalize, group, tables(options.data, ("Interactions", "Items"))))
    late = []
    print("| recipe | seconds after the beginning | seconds until CREATE STOPPED, each | longest, in the step |")
    print("|---|---|---|---|")
    for recipe in options.only:
        solution = personalize.create_solution(
            name=recipe, datasetGroupArn=group, performAutoTraining=False,
            recipeArn=f"arn:aws:personalize:::recipe/{recipe}")["solutionArn"]
        settled(lambda: personalize.describe_solution(solutionArn=solution)["solution"])
        took = []
        for after in options.after:
            found = stopped(personalize, address, solution, after)
            if found is None:
                break
            took.append((after, *found))
        personalize.delete_solution(solutionArn=solution)
        if not took:
            print(f"| {recipe} | | done before {options.after[0]} s | |", flush=True)
            continue
        _, longest, step = max(took, key=lambda one: one[1])
        moments, seconds = (", ".join(f"{one[place]:.{digits}f}" for one in took) for place, digits in ((0, 1), (1, 2)))
        print(f"| {recipe} | {moments} | {seconds} | {longest:.2f}: {step} |", flush=True)
        if longest > options.most:
            late.append(f"{recipe}: {longest:.2f} s in {step}")
    return late


def stopped(personalize, address, solution, after):
    """Seconds from the call until it is stopped, and the step that the training was in; None if it was done before."""
    version = personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]

    def status():
        found = personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
        if found["status"] == "CREATE FAILED":
            sys.exit(f"{version}: {found['failureReason']}")
        return found["status"]

    while status() == "CREATE PENDING":
        time.sleep(0.005)
    end = time.monotonic() + after
    while time.monotonic() < end:
        if status() == "ACTIVE":
            return None
        time.sleep(min(0.05, max(end - time.monotonic(), 0)))
    try:
        begun = time.monotonic()
        personalize.stop_solution_version_creation(solutionVersionArn=version)
    except personalize.exceptions.InvalidInputException:
        return None
    jobs = json.load(urllib.request.urlopen(f"{address}/_palate/jobs"))
    advance = next((job.get("advance") for job in jobs if job["job"] == version), None) or {}
    while status() != "CREATE STOPPED":
        time.sleep(0.02)
    return time.monotonic() - begun, advance.get("step", "unknown")


if __name__ == "__main__":
    sys.exit(main())
