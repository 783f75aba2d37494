"""A session with the AWS CLI."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from conftest import SERVE
from data import as_csv, dataset
from functions import CREDENTIALS
from steps import PERSONALIZATION, schema


@SERVE
def test_a_session_with_the_aws_cli(installation, tmp_path):
    env = {**os.environ, **CREDENTIALS, "AWS_ENDPOINT_URL": installation.url, "AWS_PAGER": ""}

    def aws(*arguments, output=True):
        done = subprocess.run([Path(sys.executable).with_name("aws"), *arguments], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if output else done.stdout

    def active(describe, option, arn, member):
        end = time.monotonic() + 120
        while (status := aws("personalize", describe, option, arn)[member]["status"]) != "ACTIVE":
            assert status != "CREATE FAILED" and time.monotonic() < end

    (tmp_path / "interactions.csv").write_bytes(as_csv(dataset(100)["interactions"]))
    (tmp_path / "schema.json").write_text(schema("interactions"))
    aws("s3", "mb", "s3://cli", output=False)
    aws("s3", "cp", tmp_path / "interactions.csv", "s3://cli/data/interactions.csv", output=False)
    assert "interactions.csv" in aws("s3", "ls", "s3://cli/data/", output=False)

    group = aws("personalize", "create-dataset-group", "--name", "cli")["datasetGroupArn"]
    assert group == "arn:aws:personalize:us-east-1:000000000000:dataset-group/cli"
    schema_arn = aws("personalize", "create-schema", "--name", "cli", "--schema", f"file://{tmp_path}/schema.json")["schemaArn"]
    dataset_arn = aws("personalize", "create-dataset", "--name", "cli", "--schema-arn", schema_arn,
                      "--dataset-group-arn", group, "--dataset-type", "Interactions")["datasetArn"]
    job = aws("personalize", "create-dataset-import-job", "--job-name", "cli", "--dataset-arn", dataset_arn,
              "--data-source", "dataLocation=s3://cli/data/", "--role-arn", "arn:aws:iam::000000000000:role/any",
              )["datasetImportJobArn"]
    active("describe-dataset-import-job", "--dataset-import-job-arn", job, "datasetImportJob")
    solution = aws("personalize", "create-solution", "--name", "cli", "--dataset-group-arn", group,
                   "--recipe-arn", f"arn:aws:personalize:::recipe/{PERSONALIZATION}",
                   "--no-perform-auto-training")["solutionArn"]
    version = aws("personalize", "create-solution-version", "--solution-arn", solution)["solutionVersionArn"]
    active("describe-solution-version", "--solution-version-arn", version, "solutionVersion")
    campaign = aws("personalize", "create-campaign", "--name", "cli", "--solution-version-arn", version,
                   "--min-provisioned-tps", "1")["campaignArn"]
    active("describe-campaign", "--campaign-arn", campaign, "campaign")
    found = aws("personalize-runtime", "get-recommendations", "--campaign-arn", campaign, "--user-id", "user-00001")
    assert len(found["itemList"]) == 25
