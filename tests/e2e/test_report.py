"""`palate report` and `palate explain`, by the process's address and by its data folder; explanations on the wire."""

import json
import subprocess
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest

import steps
from conftest import SERVE
from data import as_csv, dataset, item
from functions import bin_dir

BUCKET = "reported"
USER = "user-00007"


@pytest.fixture(scope="module")
def trained(installation):
    """Two versions of a solution `walks`, and a campaign `walks` of the newer one."""
    aws = installation.aws
    aws.s3.create_bucket(Bucket=BUCKET)
    group = steps.create_group(aws, "reported")
    interactions = dataset()["interactions"]
    target = steps.create_dataset(aws, group, "interactions", "reported")
    aws.s3.put_object(Bucket=BUCKET, Key="interactions.csv", Body=as_csv(interactions))
    job = steps.start_import(aws, target, f"s3://{BUCKET}/interactions.csv", "reported")
    steps.active(lambda: steps.import_job(aws, job))
    solution = steps.create_solution(aws, group, steps.PERSONALIZATION, "walks")
    versions = []
    for _ in range(2):
        versions.append(aws.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"])
        steps.active(lambda: steps.solution_version(aws, versions[-1]))
    campaign = aws.personalize.create_campaign(
        name="walks", solutionVersionArn=versions[-1], minProvisionedTPS=1)["campaignArn"]
    steps.active(lambda: steps.campaign(aws, campaign))
    return SimpleNamespace(versions=versions, campaign=campaign, data=["--data", str(installation.folder / "data")])


def palate(*arguments, cwd=None):
    return subprocess.run([bin_dir() / "palate", *arguments], capture_output=True, text=True, timeout=120, cwd=cwd)


def told(*arguments, cwd=None):
    ended = palate(*arguments, cwd=cwd)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def read(text):
    """What was told as JSON; numbers that went through other hands may be a rounding away."""
    return json.loads(text, parse_float=lambda number: round(float(number), 12))


@SERVE
def test_a_report_is_a_table_and_a_page_that_needs_nothing_else(installation, trained, tmp_path):
    name = trained.versions[-1].split(":solution/")[1]
    table = told("report", name, *trained.data, cwd=tmp_path)
    assert "30 held-out users" in table and "NDCG@25" in table and "most popular" in table
    assert "By events in the user's history" in table and "By age of the item" in table
    # The earlier version is there, and both are the same: so are data, hyperparameters and seed.
    earlier = trained.versions[0].split(":solution/")[1]
    rows = {line.split()[0]: line.split()[2:] for line in table.splitlines() if line.strip().startswith("walks/")}
    assert rows[earlier] == rows[name] and float(rows[name][0]) > 0.2
    page = (tmp_path / f"report-{name.replace('/', '-')}.html").read_text()
    assert page.count("<svg") >= 10 and earlier in page
    for outside in ("http:", "https:", "src=", "href=", "<script"):
        assert outside not in page


@SERVE
def test_process_and_folder_report_the_same_whatever_the_model_is_called(installation, trained):
    arn = trained.versions[-1]
    reports = [
        told("report", arn, "--json", *trained.data),
        told("report", "walks", "--json", *trained.data),
        told("report", arn, "--json", "--url", installation.url),
    ]
    with urllib.request.urlopen(f"{installation.url}/_palate/reports/{arn}") as answer:
        reports.append(answer.read())
    first, *others = [read(report) for report in reports]
    assert all(other == first for other in others)
    assert first["arn"] == arn and first["report"]["formatVersion"] == 2
    metrics = installation.aws.personalize.get_solution_metrics(solutionVersionArn=arn)["metrics"]
    assert {name: round(value, 4) for name, value in first["report"]["metrics"].items()} == metrics


@SERVE
def test_what_is_not_there_is_named(installation, trained):
    for place in (["--url", installation.url], trained.data):
        ended = palate("report", "strolls", *place)
        assert ended.returncode == 1 and "There is no trained model strolls" in ended.stderr
        ended = palate("explain", "--campaign", "walks", "--item", "item-99", *place)
        assert ended.returncode == 1 and "knows no item item-99" in ended.stderr
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{installation.url}/_palate/reports/strolls")
    assert refused.value.code == 404


def explanation(element):
    told = element["explanation"]
    # Some roundings in single precision of shares of 1.
    assert sum(part["contribution"] for part in told["parts"]) == pytest.approx(told["score"], abs=1e-6)
    assert element["score"] == pytest.approx(told["score"], abs=1e-6)
    return told


@SERVE
def test_answers_explain_themselves_if_the_header_asks(installation, trained):
    def asked(path, body, **headers):
        request = urllib.request.Request(installation.url + path, json.dumps(body).encode(), {
            "Content-Type": "application/json", **headers})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    body = {"campaignArn": trained.campaign, "userId": USER, "numResults": 5}
    plain = asked("/recommendations", body)["itemList"]
    explained = asked("/recommendations", body, **{"x-palate-explain": "true"})["itemList"]
    assert not any("explanation" in element for element in plain)
    for element in explained:
        explanation(element)
    assert [{"itemId": e["itemId"], "score": e["score"]} for e in explained] == plain
    # Whoever walks along a series gets its next item for the last ones.
    assert explanation(explained[0])["parts"][0]["kind"] == "event"

    body = {"campaignArn": trained.campaign, "userId": USER, "inputList": [item(0, 1), plain[0]["itemId"], "unknown"]}
    ranked = asked("/personalize-ranking", body, **{"x-palate-explain": "1"})["personalizedRanking"]
    assert "explanation" not in ranked[-1]
    assert explanation(ranked[0]) == explanation(explained[0])


@SERVE
def test_a_score_is_explained_by_process_and_folder_alike(installation, trained):
    best = installation.aws.runtime.get_recommendations(
        campaignArn=trained.campaign, userId=USER, numResults=1)["itemList"][0]
    question = ["explain", "--campaign", "walks", "--user", USER, "--item", best["itemId"]]
    by_folder = read(told(*question, "--json", *trained.data))
    assert read(told(*question, "--json", "--url", installation.url)) == by_folder
    assert explanation({**best, "explanation": by_folder})["parts"]
    text = told(*question, *trained.data)
    assert f"{best['itemId']} for {USER}, by {steps.PERSONALIZATION}: score" in text
    assert by_folder["parts"][0]["itemId"] in text and "%" in text
