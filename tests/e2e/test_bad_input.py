"""What is wrong is refused with the documented error, which names the place, and nothing changes."""

import http.client
import json
import re
import urllib.parse
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

import steps
from conftest import SERVE
from data import as_csv, dataset

HEADER = b"USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\n"
GOOD = b"u1,i1,1700000000,watch\n"
ROWS = dataset(60, 20)["interactions"]
BUCKET = "bad-input"


@pytest.fixture(scope="module")
def shop(installation):
    """A dataset with one good import."""
    aws = installation.aws
    aws.s3.create_bucket(Bucket=BUCKET)
    aws.s3.put_object(Bucket=BUCKET, Key="good.csv", Body=as_csv(ROWS))
    group = steps.create_group(aws, "shop")
    dataset_arn = steps.create_dataset(aws, group, "interactions", "shop")
    arn = steps.start_import(aws, dataset_arn, f"s3://{BUCKET}/good.csv", "good")
    steps.active(lambda: steps.import_job(aws, arn))
    return {"group": group, "dataset": dataset_arn}


FILES = {
    "missing-column": (b"USER_ID,ITEM_ID,EVENT_TYPE\nu1,i1,watch\n", ["TIMESTAMP"]),
    "bad-number": (HEADER + GOOD + b"u1,i1,soon,watch\n", ["bad-number.csv", "line 3", "TIMESTAMP", "soon"]),
    "too-long": (HEADER + GOOD + b"u" * 257 + b",i1,1700000000,watch\n", ["too-long.csv", "line 3", "USER_ID", "256"]),
    "not-utf-8": (HEADER + GOOD + b"u\xff,i1,1700000000,watch\n", ["not-utf-8.csv", "line 3", "UTF-8"]),
    "empty-value": (HEADER + b"u1,,1700000000,watch\n", ["empty-value.csv", "line 2", "ITEM_ID"]),
    "empty-file": (b"", ["empty-file.csv"]),
    "missing-object": (None, ["missing-object.csv"]),
}


@SERVE
@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_fails_the_import_and_says_where(installation, shop, name):
    aws, (body, words) = installation.aws, FILES[name]
    if body is not None:
        aws.s3.put_object(Bucket=BUCKET, Key=f"{name}.csv", Body=body)
    arn = steps.start_import(aws, shop["dataset"], f"s3://{BUCKET}/{name}.csv", name)
    job = steps.settled(lambda: steps.import_job(aws, arn))
    assert job["status"] == "CREATE FAILED"
    assert all(word in job["failureReason"] for word in words), job["failureReason"]


@SERVE
def test_failed_imports_leave_the_dataset_as_it_was(installation, shop):
    """Runs after the failed imports: the model is that of the good one."""
    aws = installation.aws
    solution = steps.create_solution(aws, shop["group"], "aws-popularity-count", "popular")
    version = aws.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    steps.active(lambda: steps.solution_version(aws, version))
    arn = aws.personalize.create_campaign(name="popular", solutionVersionArn=version, minProvisionedTPS=1)["campaignArn"]
    steps.active(lambda: steps.campaign(aws, arn))
    counts = {}
    for _, item_id, *_ in ROWS[1:]:
        counts[item_id] = counts.get(item_id, 0) + 1
    found = steps.item_ids(aws.runtime.get_recommendations(campaignArn=arn, userId="nobody", numResults=5))
    assert [counts[id] for id in found] == sorted(counts.values(), reverse=True)[:5]


CALLS = {
    "a name that is taken": (
        "create_dataset_group", {"name": "shop"}, "ResourceAlreadyExistsException", ["shop"]),
    "a name with a blank": (
        "create_dataset_group", {"name": "my shop"}, "InvalidInputException", ["name"]),
    "an ARN of another kind": (
        "create_solution", {"name": "s", "datasetGroupArn": "DATASET", "recipeArn": "arn:aws:personalize:::recipe/aws-sims"},
        "InvalidInputException", ["datasetGroupArn"]),
    "an ARN that is none": (
        "describe_campaign", {"campaignArn": "shop"}, "InvalidInputException", ["campaignArn"]),
    "a resource that is not there": (
        "describe_campaign", {"campaignArn": "arn:aws:personalize:us-east-1:000000000000:campaign/none"},
        "ResourceNotFoundException", ["campaign/none"]),
    "a recipe that is not there": (
        "create_solution", {"name": "s", "datasetGroupArn": "GROUP", "recipeArn": "arn:aws:personalize:::recipe/none"},
        "ResourceNotFoundException", ["recipe/none"]),
    "a schema that is not JSON": (
        "create_schema", {"name": "broken", "schema": "{"}, "InvalidInputException", ["schema"]),
    "a location that is not S3": (
        "create_dataset_import_job", {"jobName": "j", "datasetArn": "DATASET", "roleArn": steps.ROLE,
                                      "dataSource": {"dataLocation": "http://example.com/x.csv"}},
        "InvalidInputException", ["dataLocation"]),
}


def everything(aws):
    p = aws.personalize
    return [p.list_dataset_groups()["datasetGroups"], p.list_datasets()["datasets"], p.list_schemas()["schemas"],
            p.list_dataset_import_jobs()["datasetImportJobs"], p.list_solutions()["solutions"],
            p.list_campaigns()["campaigns"]]


@SERVE
@pytest.mark.parametrize("case", CALLS)
def test_a_bad_call_gets_the_documented_exception(installation, shop, case):
    aws, (operation, arguments, code, words) = installation.aws, CALLS[case]
    arguments = {name: {"GROUP": shop["group"], "DATASET": shop["dataset"]}.get(str(value), value)
                 for name, value in arguments.items()}
    before = everything(aws)
    with pytest.raises(ClientError) as caught:
        getattr(aws.personalize, operation)(**arguments)
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert all(word in error["Message"] for word in words), error
    assert everything(aws) == before


def post(installation, body, target="CreateDatasetGroup", path="/"):
    """A request that no SDK would send; returns the status, the code and the message."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(installation.url).netloc, timeout=60)
    headers = {"content-type": "application/x-amz-json-1.1",
               "authorization": "AWS4-HMAC-SHA256 Credential=palate/20260102/us-east-1/personalize/aws4_request, "
                                "SignedHeaders=host, Signature=0"}
    if target:
        headers["x-amz-target"] = f"AmazonPersonalize.{target}"
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        told = json.loads(answer.read() or b"{}")
    finally:
        connection.close()
    code = told.get("__type") or answer.headers.get("x-amzn-errortype", "")
    return answer.status, re.split("[#:]", code)[-1], told.get("message") or told.get("Message") or ""


@SERVE
def test_malformed_json_is_refused(installation):
    status, code, message = post(installation, b'{"name": ')
    assert (status, code) == (400, "SerializationException") and message


@SERVE
def test_a_body_of_7_mb_is_refused(installation):
    before = everything(installation.aws)
    body = json.dumps({"name": "large", "tags": [], "filler": "x" * 7_000_000}).encode()
    status, code, _ = post(installation, body)
    assert (status, code) == (413, "RequestEntityTooLargeException")
    assert everything(installation.aws) == before


@SERVE
def test_an_unknown_target_is_named(installation):
    status, code, message = post(installation, b"{}", "MakeCoffee")
    assert 400 <= status < 500 and code == "UnknownOperationException" and "MakeCoffee" in message


@SERVE
@pytest.mark.parametrize("key", ["../escape", "a/../../../escape", "..", "a/.."])
def test_an_objects_key_never_leaves_its_bucket(installation, shop, key):
    folder = Path(installation.folder)
    before = {path for path in folder.rglob("*") if BUCKET not in path.parts}
    try:
        installation.aws.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    except ClientError as error:
        assert 400 <= error.response["ResponseMetadata"]["HTTPStatusCode"] < 500
    outside = {path for path in folder.rglob("*") if BUCKET not in path.parts}
    assert not [path for path in outside - before if path.name == "escape"]
    assert not (folder.parent / "escape").exists()
