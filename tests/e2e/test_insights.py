"""`palate insights`, by the process's address and by its data folder."""

import json
import subprocess
import urllib.error
import urllib.request

import pytest

import steps
from conftest import SERVE
from data import as_csv, dataset
from functions import bin_dir

BUCKET = "insights"


@pytest.fixture(scope="module")
def group(installation):
    """A group `told` with interactions and items; its ARN."""
    aws = installation.aws
    aws.s3.create_bucket(Bucket=BUCKET)
    arn = aws.personalize.create_dataset_group(name="told")["datasetGroupArn"]
    steps.active(lambda: aws.personalize.describe_dataset_group(datasetGroupArn=arn)["datasetGroup"])
    tables = dataset()
    for kind in ("interactions", "items"):
        target = steps.create_dataset(aws, arn, kind, "told")
        aws.s3.put_object(Bucket=BUCKET, Key=f"{kind}.csv", Body=as_csv(tables[kind]))
        job = aws.personalize.create_dataset_import_job(
            jobName=f"told-{kind}", datasetArn=target, roleArn=steps.ROLE,
            dataSource={"dataLocation": f"s3://{BUCKET}/{kind}.csv"})["datasetImportJobArn"]
        steps.active(lambda: aws.personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"])
    return arn


def palate(*arguments):
    return subprocess.run([bin_dir() / "palate", "insights", *arguments], capture_output=True, text=True, timeout=120)


def told(*arguments):
    ended = palate(*arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@SERVE
def test_the_page_and_the_file_tell_the_same(installation, group):
    data = ["--data", str(installation.folder / "data")]
    page = told("told/INTERACTIONS", *data)
    assert "Interactions: 6,000 rows" in page
    assert "COLUMN" in page.upper() and "EVENT_TYPE" in page
    insights = json.loads(told("told/INTERACTIONS", "--json", *data))
    assert insights["rows"] == 6000
    assert insights["users"]["n"] == 300
    assert insights["eventTypes"] == [{"eventType": "watch", "events": 6000}]
    assert [other["datasetType"] for other in insights["coverage"]] == ["Items"]
    assert {finding["severity"] for finding in insights["findings"]} <= {"problem", "warning", "note"}


@SERVE
def test_the_process_tells_what_its_data_folder_does(installation, group):
    arn = group.replace("dataset-group/told", "dataset/told/ITEMS")
    by_folder = told(arn, "--json", "--data", str(installation.folder / "data"))
    assert json.loads(told(arn, "--json", "--url", installation.url)) == json.loads(by_folder)
    with urllib.request.urlopen(f"{installation.url}/_palate/insights/{arn}") as answer:
        assert json.load(answer) == json.loads(by_folder)


@SERVE
def test_a_dataset_that_is_not_there_is_named(installation, group):
    for place in (["--url", installation.url], ["--data", str(installation.folder / "data")]):
        ended = palate("told/USERS", *place)
        assert ended.returncode == 1
        assert "There is no dataset told/USERS" in ended.stderr
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{installation.url}/_palate/insights/told/USERS")
    assert refused.value.code == 404
