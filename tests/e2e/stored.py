"""What there is of streamed events, read beside the service (the SQLite file, or moto's DynamoDB) and from exports."""

import csv
import io
import json
import sqlite3
from collections import Counter

import boto3

import steps


def of_sqlite(data, begins):
    """The records whose partition begins so, as (partition, sort, value)."""
    db = sqlite3.connect(f"file:{data}/palate.db?mode=ro", uri=True, timeout=30)
    try:
        return db.execute("SELECT partition, sort, value FROM records WHERE partition >= ? AND partition < ?",
                          (begins, begins + "\U0010ffff")).fetchall()
    finally:
        db.close()


def of_dynamodb(url, table, begins):
    """The same of a table."""
    client = boto3.client("dynamodb", endpoint_url=url, region_name="us-east-1", aws_access_key_id="palate",
                          aws_secret_access_key="palate")
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [(item["pk"]["S"], item["sk"]["S"], item["value"]["B"]) for page in pages for item in page["Items"]
            if item["pk"]["S"].startswith(begins)]


def history(records):
    """How often each event id is in its user's history; `records` are those that begin with `event/`."""
    return Counter(json.loads(value)["eventId"] for _, _, value in records)


def seen_ids(records):
    """How many event ids are known as seen; `records` are those that begin with `event-id/`."""
    return len({partition for partition, _, _ in records})


def exported(aws, dataset, bucket):
    """How often each item is in an export of what was streamed into the dataset."""
    aws.s3.create_bucket(Bucket=bucket)
    job = aws.personalize.create_dataset_export_job(
        jobName=bucket, datasetArn=dataset, ingestionMode="PUT", roleArn=steps.ROLE,
        jobOutput={"s3DataDestination": {"path": f"s3://{bucket}/out/"}})["datasetExportJobArn"]
    steps.active(lambda: aws.personalize.describe_dataset_export_job(datasetExportJobArn=job)["datasetExportJob"])
    found = Counter()
    for page in aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="out/"):
        for key in [entry["Key"] for entry in page.get("Contents", []) if entry["Key"].endswith(".csv")]:
            found.update(row["ITEM_ID"] for row in csv.DictReader(io.StringIO(steps.read(aws, bucket, key).decode())))
    return found
