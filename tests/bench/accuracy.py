#!/usr/bin/env python3
"""How well the recipes predict what a user turns to next, beside public implementations.

Leave one out: each user's last event is to be found, everything before it is imported and learned from.
Training, deployment of the model and answers go through the API of a running `palate`; the split and the
scores come from programs that know nothing of it.

    export AWS_ENDPOINT_URL=http://127.0.0.1:4747 AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x
    python3 accuracy.py --data DIR --eval DIR

`--data` holds folders `ml-1m` and `amazon-beauty` with `interactions.csv.gz` in Personalize form; `--eval`
holds `split.py` and `score.py`. Prints a table in Markdown; exits 1 if a figure is below its bar.

What is compared with what:

- Every method answers with 500 items a user. Items of the user's history are dropped by `score.py`.
- `palate-transitions` is asked with the user id, and sets its hyperparameters itself on the history.
- Related items are asked with the last item of the history: `aws-sims`, and from `implicit` 0.7.3 the
  `CosineRecommender` and the `BM25Recommender` (K1 1.2, B 0.75, its defaults) with as many neighbours, 500.
- `aws-sims` is there twice. By its documented defaults it leaves the most popular tenth of the items out
  of training; "all items" turns the two item filters off, as implicit has none.
- amazon-beauty lists events of one day by item id, which would give the answer away; they are shuffled.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

# implicit wants its BLAS to leave threads to it; read when numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# boto3 reads only this name of the two.
os.environ.setdefault("AWS_DEFAULT_REGION", os.environ.get("AWS_REGION", "us-east-1"))

import boto3
import numpy as np
import pandas as pd
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender
from scipy.sparse import csr_matrix

N_RESULTS = 500
ALL_ITEMS = {"min_item_interaction_count_percentile": "0.0", "max_item_interaction_count_percentile": "1.0"}
SPLIT_OPTIONS = {"amazon-beauty": ["--shuffle-ties", "0"]}
# (NDCG@10, HR@10) of palate-transitions; other methods are judged against each other.
BARS = {"ml-1m": (0.161, 0.274), "amazon-beauty": (0.052, 0.087)}
ROLE = "arn:aws:iam::000000000000:role/any"


def run(script, *arguments):
    """Runs one of the evaluation programs; returns the JSON it prints."""
    done = subprocess.run([sys.executable, script, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{script}: {done.stderr}")
    return json.loads(done.stdout)


def settled(describe, name, limit_s=900):
    """Polls until the resource is ACTIVE; returns it."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        resource = describe()[name]
        if resource["status"] == "ACTIVE":
            return resource
        if resource["status"] == "CREATE FAILED":
            sys.exit(f"{name}: {resource.get('failureReason')}")
        time.sleep(0.05)
    sys.exit(f"{name}: not settled in {limit_s} s")


def schema(header):
    """The Avro schema of an Interactions dataset with these columns."""
    types = {"TIMESTAMP": "long", "EVENT_VALUE": ["null", "float"]}
    fields = [{"name": name, "type": types.get(name, "string")} for name in header]
    known = {"USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "EVENT_VALUE"}
    fields = [field for field in fields if field["name"] in known]
    return json.dumps({"type": "record", "name": "Interactions", "namespace": "com.amazonaws.personalize.schema",
                       "version": "1.0", "fields": fields})


class Service:
    """One dataset group on the service under test."""

    def __init__(self, history):
        self.s3, self.personalize = boto3.client("s3"), boto3.client("personalize")
        self.tag = uuid.uuid4().hex[:8]
        self.bucket = f"accuracy-{self.tag}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.s3.upload_file(str(history), self.bucket, "history.csv")
        with history.open(encoding="utf-8", newline="") as lines:
            header = next(csv.reader(lines))
        api, name = self.personalize, f"accuracy-{self.tag}"
        self.group = api.create_dataset_group(name=name)["datasetGroupArn"]
        settled(lambda: api.describe_dataset_group(datasetGroupArn=self.group), "datasetGroup")
        arn = api.create_schema(name=name, schema=schema(header))["schemaArn"]
        dataset = api.create_dataset(
            name=name, schemaArn=arn, datasetGroupArn=self.group, datasetType="Interactions")["datasetArn"]
        settled(lambda: api.describe_dataset(datasetArn=dataset), "dataset")
        job = api.create_dataset_import_job(
            jobName=name, datasetArn=dataset, roleArn=ROLE,
            dataSource={"dataLocation": f"s3://{self.bucket}/history.csv"})["datasetImportJobArn"]
        settled(lambda: api.describe_dataset_import_job(datasetImportJobArn=job), "datasetImportJob")

    def train(self, label, recipe, features=None):
        """Trains a recipe; returns the version's ARN, the seconds it took and the chosen hyperparameters."""
        api, begin = self.personalize, time.monotonic()
        config = {"featureTransformationParameters": features} if features else {}
        solution = api.create_solution(
            name=f"{label}-{self.tag}", datasetGroupArn=self.group, performAutoTraining=False,
            recipeArn=f"arn:aws:personalize:::recipe/{recipe}", solutionConfig=config)["solutionArn"]
        settled(lambda: api.describe_solution(solutionArn=solution), "solution")
        version = api.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        described = settled(lambda: api.describe_solution_version(solutionVersionArn=version), "solutionVersion")
        chosen = described.get("tunedHPOParams", {}).get("algorithmHyperParameters", {})
        return version, time.monotonic() - begin, chosen

    def answers(self, label, version, lines):
        """Runs a batch inference job; returns its output lines, parsed."""
        api, body = self.personalize, "".join(json.dumps(line) + "\n" for line in lines)
        self.s3.put_object(Bucket=self.bucket, Key=f"{label}/in/ask.json", Body=body.encode())
        job = api.create_batch_inference_job(
            jobName=f"{label}-{self.tag}", solutionVersionArn=version, roleArn=ROLE, numResults=N_RESULTS,
            jobInput={"s3DataSource": {"path": f"s3://{self.bucket}/{label}/in/ask.json"}},
            jobOutput={"s3DataDestination": {"path": f"s3://{self.bucket}/{label}/out/"}})["batchInferenceJobArn"]
        settled(lambda: api.describe_batch_inference_job(batchInferenceJobArn=job), "batchInferenceJob")
        output = self.s3.get_object(Bucket=self.bucket, Key=f"{label}/out/ask.json.out")["Body"].read()
        return [json.loads(line) for line in output.splitlines()]


def by_user(answers, last_items):
    """Turns answers about items into answers about the users whose last item each was."""
    lists = {answer["input"]["itemId"]: answer for answer in answers}
    return [{**lists[item], "input": {"userId": user}} for user, item in last_items.items()]


def neighbours(model, events, last_items):
    """Answers of an item-item model of implicit, and the seconds it took to fit."""
    users, _ = pd.factorize(events["USER_ID"])
    items, ids = pd.factorize(events["ITEM_ID"])
    matrix = csr_matrix((np.ones(len(users), np.float32), (users, items)))
    matrix.data[:] = 1.0  # repeated interactions were added up
    begin = time.monotonic()
    model.fit(matrix, show_progress=False)
    took = time.monotonic() - begin
    rows = {item: row for row, item in enumerate(ids)}
    # One more, since an item is its own nearest neighbour.
    found, scores = model.similar_items(np.arange(len(ids)), N=N_RESULTS + 1)
    answers = []
    for user, item in last_items.items():
        row = rows[item]
        pairs = zip(found[row], scores[row])
        others = [ids[other] for other, score in pairs if other >= 0 and other != row and score > 0]
        output = {"recommendedItems": others[:N_RESULTS]}
        answers.append({"input": {"userId": user}, "output": output, "error": None})
    return answers, took


def compare(name, data, evaluation, folder):
    """Rows of the table for one data set: method, HR@10, NDCG@10, its standard error, seconds, remarks."""
    split = folder / name
    options = SPLIT_OPTIONS.get(name, [])
    run(evaluation / "split.py", data / name / "interactions.csv.gz", split, "--protocol", "loo", *options)
    events = pd.read_csv(split / "history.csv", dtype=str, keep_default_na=False, escapechar="\\")
    events["TIMESTAMP"] = events["TIMESTAMP"].astype(np.int64)
    events = events.sort_values("TIMESTAMP", kind="stable")
    last_items = events.groupby("USER_ID", sort=False)["ITEM_ID"].last()
    users = [json.loads(line) for line in (split / "users.jsonl").open(encoding="utf-8")]
    wanted = {line["userId"] for line in users}
    last_items = {user: item for user, item in last_items.items() if user in wanted}
    items = [{"itemId": item} for item in dict.fromkeys(last_items.values())]

    def scored(method, answers, took, remark=""):
        path = split / "answers.jsonl"
        path.write_text("".join(json.dumps(answer) + "\n" for answer in answers), encoding="utf-8")
        report = run(evaluation / "score.py", split / "truth.jsonl", path, "--k", "10",
                     "--exclude-seen", split / "history.csv")
        metrics, errors = report["metrics"], report["standard_errors"]
        print(f"{name}: {method}: NDCG@10 {metrics['ndcg@10']:.4f}", file=sys.stderr)
        return method, metrics["hr@10"], metrics["ndcg@10"], errors["ndcg@10"], took, remark

    service = Service(split / "history.csv")
    rows = []
    version, took, chosen = service.train("transitions", "palate-transitions")
    remark = ", ".join(f"{key} {value}" for key, value in sorted(chosen.items()))
    rows.append(scored("palate-transitions", service.answers("transitions", version, users), took, remark))
    version, took, _ = service.train("popularity", "aws-popularity-count")
    rows.append(scored("aws-popularity-count", service.answers("popularity", version, users), took))
    for label, method, features in (("sims-all", "aws-sims, all items", ALL_ITEMS), ("sims", "aws-sims", None)):
        version, took, _ = service.train(label, "aws-sims", features)
        answers = service.answers(label, version, items)
        rows.append(scored(method, by_user(answers, last_items), took))
    for method, model in (("implicit cosine", CosineRecommender(K=N_RESULTS + 1)),
                          ("implicit BM25", BM25Recommender(K=N_RESULTS + 1))):
        rows.append(scored(method, *neighbours(model, events, last_items)))
    return rows


def below(name, rows):
    """What does not reach its bar."""
    figures = {method: (ndcg, hr) for method, hr, ndcg, *_ in rows}
    pairs = [("palate-transitions", BARS.get(name, (0.0, 0.0)), "its bar")]
    pairs += [("aws-sims, all items", figures[peer], peer) for peer in ("implicit cosine", "implicit BM25")]
    for method, bar, what in pairs:
        for metric, figure, least in zip(("NDCG@10", "HR@10"), figures[method], bar):
            if figure < least:
                yield f"{name}: {method} {metric} {figure:.4f} is below {what}, {least:.4f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of data sets")
    parser.add_argument("--eval", type=Path, required=True, help="folder with split.py and score.py")
    parser.add_argument("--sets", nargs="+", default=list(BARS), help="data sets, by folder name")
    args = parser.parse_args()
    missed = []
    print("| data set | method | HR@10 | NDCG@10 | ± | training, s | chosen |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in args.sets:
            rows = compare(name, args.data, args.eval, Path(folder))
            for method, hr, ndcg, error, took, remark in rows:
                print(f"| {name} | {method} | {hr:.4f} | {ndcg:.4f} | {error:.4f} | {took:.2f} | {remark} |", flush=True)
            missed += below(name, rows)
    for line in missed:
        print(line, file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
