"""Steps of a Personalize program, in plain boto3."""

import json
import time
from types import SimpleNamespace

import boto3
from botocore.config import Config

ROLE = "arn:aws:iam::000000000000:role/any"
PERSONALIZATION = "palate-transitions"
FIELDS = {
    "interactions": [("USER_ID", "string"), ("ITEM_ID", "string"), ("TIMESTAMP", "long"), ("EVENT_TYPE", "string")],
    "items": [("ITEM_ID", "string"), ("GENRE", ["null", "string"]), ("PRICE", ["null", "float"])],
    "users": [("USER_ID", "string"), ("AGE", ["null", "int"]), ("CITY", ["null", "string"])],
}


def clients(url, s3_url):
    """One client for each service, as s3, personalize, runtime, events."""
    def client(name, url=url):
        return boto3.client(
            name, endpoint_url=url, region_name="us-east-1", aws_access_key_id="palate", aws_secret_access_key="palate",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=120, s3={"addressing_style": "path"}))
    return SimpleNamespace(s3=client("s3", s3_url), personalize=client("personalize"), runtime=client("personalize-runtime"),
                           events=client("personalize-events"))


def schema(kind):
    fields = []
    for name, type_ in FIELDS[kind]:
        categorical = name in ("GENRE", "CITY")
        fields.append({"name": name, "type": type_, **({"categorical": True} if categorical else {})})
    return json.dumps({"type": "record", "name": kind.capitalize(), "namespace": "com.amazonaws.personalize.schema",
                       "version": "1.0", "fields": fields})


def settled(describe, limit_s=240):
    """Polls `describe()` until its resource is ACTIVE or CREATE FAILED; connection errors are waited out."""
    end = time.monotonic() + limit_s
    while True:
        resource = describe()
        if resource["status"] in ("ACTIVE", "CREATE FAILED"):
            return resource
        assert time.monotonic() < end, f"not settled: {resource}"
        time.sleep(0.05)


def active(describe):
    resource = settled(describe)
    assert resource["status"] == "ACTIVE", resource.get("failureReason")
    return resource


def create_dataset(aws, group, kind, tag):
    schema_arn = aws.personalize.create_schema(name=f"{kind}-{tag}", schema=schema(kind))["schemaArn"]
    arn = aws.personalize.create_dataset(
        name=f"{kind}-{tag}", schemaArn=schema_arn, datasetGroupArn=group, datasetType=kind.capitalize())["datasetArn"]
    active(lambda: aws.personalize.describe_dataset(datasetArn=arn)["dataset"])
    return arn


def create_group(aws, name):
    arn = aws.personalize.create_dataset_group(name=name)["datasetGroupArn"]
    active(lambda: aws.personalize.describe_dataset_group(datasetGroupArn=arn)["datasetGroup"])
    return arn


def start_import(aws, dataset, location, name):
    return aws.personalize.create_dataset_import_job(
        jobName=name, datasetArn=dataset, roleArn=ROLE, dataSource={"dataLocation": location})["datasetImportJobArn"]


def import_job(aws, arn):
    return aws.personalize.describe_dataset_import_job(datasetImportJobArn=arn)["datasetImportJob"]


def create_solution(aws, group, recipe, name):
    arn = aws.personalize.create_solution(
        name=name, datasetGroupArn=group, performAutoTraining=False,
        recipeArn=f"arn:aws:personalize:::recipe/{recipe}")["solutionArn"]
    active(lambda: aws.personalize.describe_solution(solutionArn=arn)["solution"])
    return arn


def solution_version(aws, arn):
    return aws.personalize.describe_solution_version(solutionVersionArn=arn)["solutionVersion"]


def campaign(aws, arn):
    return aws.personalize.describe_campaign(campaignArn=arn)["campaign"]


def batch_job(aws, arn):
    return aws.personalize.describe_batch_inference_job(batchInferenceJobArn=arn)["batchInferenceJob"]


def start_batch(aws, version, name, source, destination):
    return aws.personalize.create_batch_inference_job(
        jobName=name, solutionVersionArn=version, roleArn=ROLE, numResults=10,
        jobInput={"s3DataSource": {"path": source}}, jobOutput={"s3DataDestination": {"path": destination}},
    )["batchInferenceJobArn"]


def read(aws, bucket, key):
    return aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def item_ids(answer):
    return [entry["itemId"] for entry in answer["itemList"]]
