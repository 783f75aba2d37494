"""`cargo lambda invoke FUNCTION --data-file events/….json`, for every sample."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from functions import ROOT

INSTALLATIONS = pytest.mark.parametrize("installation", ["functions-embedded", "functions-aws"], indirect=True)
SAMPLES = {
    "control": ["control", "control-schedule"],
    "recommend": ["recommend", "recommend-ranking"],
    "put-events": ["put-events"],
    "import": ["import", "import-stream"], "train": ["train"], "deploy": ["deploy"],
    "batch-inference": ["batch-inference", "batch-inference-upload"],
}


def invoke(installation, function, sample):
    command = [Path(sys.executable).with_name("cargo-lambda"), "lambda", "invoke", function,
               "--invoke-address", "127.0.0.1", "--invoke-port", str(installation.port),
               "--data-file", ROOT / "events" / f"{sample}.json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@INSTALLATIONS
def test_the_control_function_answers_requests_as_text_and_ticks(installation):
    reply = invoke(installation, "control", "control")
    assert reply["statusCode"] == 200 and not reply["isBase64Encoded"]
    assert reply["headers"]["content-type"] == "application/x-amz-json-1.1"
    assert "recipes" in json.loads(reply["body"])
    assert invoke(installation, "control", "control-schedule") == {"started": 0}


@INSTALLATIONS
@pytest.mark.parametrize("function,sample,status,code", [
    ("recommend", "recommend", 404, "ResourceNotFoundException"),
    ("recommend", "recommend-ranking", 404, "ResourceNotFoundException"),
    ("put-events", "put-events", 400, "InvalidInputException"),
])
def test_the_other_api_functions_find_no_such_resource(installation, function, sample, status, code):
    reply = invoke(installation, function, sample)
    assert (reply["statusCode"], reply["headers"]["x-amzn-errortype"]) == (status, code)
    assert "does not exist" in reply["body"]


@INSTALLATIONS
@pytest.mark.parametrize("function", ["import", "train", "deploy", "batch-inference"])
def test_a_worker_has_nothing_to_do_for_a_job_that_is_not_there(installation, function):
    assert invoke(installation, function, function) is None


@INSTALLATIONS
def test_what_was_streamed_into_no_dataset_needs_no_compaction(installation):
    assert invoke(installation, "import", "import-stream") == {"batchItemFailures": []}


@INSTALLATIONS
def test_an_upload_for_no_solution_is_settled(installation):
    assert invoke(installation, "batch-inference", "batch-inference-upload") is None


def test_every_sample_is_used():
    used = {f"{sample}.json" for samples in SAMPLES.values() for sample in samples}
    assert used == {path.name for path in (ROOT / "events").iterdir()}
