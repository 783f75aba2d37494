"""A palate of its own for a program that measures: started on a free port, filled through boto3."""
import contextlib
import csv
import gzip
import io
import json
import os
import re
import subprocess
import sys
import time

import boto3

BUCKET = "bench"
NUMBERS = {"TIMESTAMP": "long", "CREATION_TIMESTAMP": "long", "EVENT_VALUE": "float", "AGE": "int", "YEAR": "int", "PRICE": "float"}
REQUIRED = {"Interactions": {"USER_ID", "ITEM_ID", "TIMESTAMP"}, "Items": {"ITEM_ID"}, "Users": {"USER_ID"}}
# Schemas take no `categorical` or `textual` of these.
PLAIN = {"EVENT_TYPE", "IMPRESSION"}


@contextlib.contextmanager
def served(palate, folder, log=subprocess.DEVNULL):
    """The process and its address; boto3 goes to it from then on."""
    process = subprocess.Popen([palate, "serve", "--port", "0", "--data", folder],
                               stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        address = next((m[0] for line in process.stdout if (m := re.search(r"http://[\d.:]+", line))), None)
        if address is None:
            sys.exit("palate does not start")
        os.environ |= {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
                       "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
        yield process, address
    finally:
        process.terminate()
        process.wait()


def schema(kind, header):
    """An Avro schema for a CSV header."""
    fields = []
    for name in header:
        number = NUMBERS.get(name)
        if name in REQUIRED[kind] | PLAIN:
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


def tables(data, kinds):
    """The CSV files of a folder in Amazon Personalize's form, those that there are, by kind."""
    found = {}
    for kind in kinds:
        paths = [path for end in ("csv", "csv.gz") if (path := data / f"{kind.lower()}.{end}").exists()]
        if paths:
            body = paths[0].read_bytes()
            found[kind] = gzip.decompress(body) if paths[0].suffix == ".gz" else body
    return found


def datasets(personalize, group, bodies):
    """Uploads CSV files and makes a dataset for each; their ARNs by kind."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    arns = {}
    for kind, body in bodies.items():
        s3.put_object(Bucket=BUCKET, Key=f"{kind}.csv", Body=body)
        header = next(csv.reader(io.StringIO(body[:65536].decode("utf-8", "replace"))))
        schema_arn = personalize.create_schema(name=kind, schema=schema(kind, header))["schemaArn"]
        arns[kind] = personalize.create_dataset(name=kind, schemaArn=schema_arn, datasetGroupArn=group,
                                                datasetType=kind)["datasetArn"]
    return arns


def imported(personalize, arns):
    """Imports what `datasets` uploaded, all at once."""
    jobs = [personalize.create_dataset_import_job(
        jobName=f"import-{kind}", datasetArn=arn, roleArn="arn:aws:iam::000000000000:role/any",
        dataSource={"dataLocation": f"s3://{BUCKET}/{kind}.csv"})["datasetImportJobArn"] for kind, arn in arns.items()]
    for job in jobs:
        settled(lambda: personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"])


def trained(personalize, solution, **options):
    """The ARN of a new version, when it is ACTIVE."""
    version = personalize.create_solution_version(solutionArn=solution, **options)["solutionVersionArn"]
    settled(lambda: personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"])
    return version
