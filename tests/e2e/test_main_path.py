"""The main path, from the first upload to the answers of a batch, in every installation."""

import json
import os
import subprocess
import sys
import time
import uuid

import pytest

import steps
from conftest import EVERYWHERE
from data import as_csv, dataset, item
from functions import CREDENTIALS

TABLES = dataset()
USERS = [row[0] for row in TABLES["users"][1:]]


@EVERYWHERE
def test_an_unchanged_program_gets_from_data_to_answers(installation):
    aws, bucket = installation.aws, "main-path"
    aws.s3.create_bucket(Bucket=bucket)
    group = steps.create_group(aws, "shop")
    imports = []
    for kind, rows in TABLES.items():
        aws.s3.put_object(Bucket=bucket, Key=f"data/{kind}.csv", Body=as_csv(rows))
        dataset_arn = steps.create_dataset(aws, group, kind, "shop")
        imports.append(steps.start_import(aws, dataset_arn, f"s3://{bucket}/data/{kind}.csv", f"first-{kind}"))
    for arn in imports:
        steps.active(lambda: steps.import_job(aws, arn))

    versions, campaigns = {}, {}
    for recipe in ("aws-popularity-count", "aws-sims", steps.PERSONALIZATION):
        solution = steps.create_solution(aws, group, recipe, recipe)
        versions[recipe] = aws.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    for recipe, version in versions.items():
        steps.active(lambda: steps.solution_version(aws, version))
        campaigns[recipe] = aws.personalize.create_campaign(
            name=recipe, solutionVersionArn=version, minProvisionedTPS=1)["campaignArn"]
    for arn in campaigns.values():
        steps.active(lambda: steps.campaign(aws, arn))

    popular = [steps.item_ids(aws.runtime.get_recommendations(campaignArn=campaigns["aws-popularity-count"], userId=user))
               for user in USERS[:2]]
    assert popular[0] == popular[1] and len(popular[0]) == 25

    similar = aws.runtime.get_recommendations(campaignArn=campaigns["aws-sims"], itemId=item(0, 5), numResults=10)
    # By chance it would be one of twenty.
    assert sum(id.startswith("item-00-") for id in steps.item_ids(similar)) >= 5

    assert next_item_hit_rate(aws, campaigns[steps.PERSONALIZATION]) > 0.6
    metrics = {recipe: aws.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
               for recipe, version in versions.items()}
    ndcg = "normalized_discounted_cumulative_gain_at_10"
    assert metrics[steps.PERSONALIZATION][ndcg] > metrics["aws-popularity-count"][ndcg]

    learns_from_events(aws, group, campaigns[steps.PERSONALIZATION])
    answers_batches(aws, bucket, versions[steps.PERSONALIZATION])
    answers_uploads_once(aws, bucket, steps.PERSONALIZATION)


def next_item_hit_rate(aws, campaign):
    """How often the next item of a user's series is among ten recommendations."""
    histories = {}
    for user, item_id, *_ in TABLES["interactions"][1:]:
        histories.setdefault(user, []).append(item_id)
    hits = 0
    for user in USERS[:100]:
        _, series, position = histories[user][-1].split("-")
        wanted = item(int(series), (int(position) + 1) % 25)
        hits += wanted in steps.item_ids(aws.runtime.get_recommendations(campaignArn=campaign, userId=user, numResults=10))
    return hits / 100


def learns_from_events(aws, group, campaign):
    tracker = aws.personalize.create_event_tracker(name="tracker", datasetGroupArn=group)
    steps.active(lambda: aws.personalize.describe_event_tracker(eventTrackerArn=tracker["eventTrackerArn"])["eventTracker"])
    def ask():
        return steps.item_ids(aws.runtime.get_recommendations(campaignArn=campaign, userId="a visitor", numResults=10))
    before = ask()
    aws.events.put_events(trackingId=tracker["trackingId"], userId="a visitor", sessionId="s", eventList=[
        {"eventType": "watch", "itemId": item(19, 3), "sentAt": time.time()}])
    after = ask()
    assert after != before and item(19, 4) in after


def answers_batches(aws, bucket, version):
    lines = "".join(json.dumps({"userId": user}) + "\n" for user in USERS) + "not json\n"
    aws.s3.put_object(Bucket=bucket, Key="in/users.json", Body=lines.encode())
    arn = steps.start_batch(aws, version, "batch", f"s3://{bucket}/in/users.json", f"s3://{bucket}/out/")
    steps.active(lambda: steps.batch_job(aws, arn))
    answers = [json.loads(line) for line in steps.read(aws, bucket, "out/users.json.out").splitlines()]
    assert [answer["input"].get("userId") for answer in answers[:-1]] == USERS
    assert all(len(answer["output"]["recommendedItems"]) == 10 and answer["error"] is None for answer in answers[:-1])
    assert answers[-1]["error"]


def answers_uploads_once(aws, bucket, solution):
    """The key has what S3 encodes in its notifications, and S3 may notify more than once."""
    aws.s3.put_object(Bucket=bucket, Key=f"batch/input/{solution}/a b+c.json", Body=b'{"userId": "user-00001"}\n')
    end = time.monotonic() + 120
    while True:
        found = [job for job in aws.personalize.list_batch_inference_jobs()["batchInferenceJobs"] if job["jobName"] != "batch"]
        if found and all(job["status"] == "ACTIVE" for job in found):
            break
        assert time.monotonic() < end, found
        time.sleep(0.1)
    assert len(found) == 1
    assert json.loads(steps.read(aws, bucket, f"batch/output/{solution}/a b+c.json.out"))["error"] is None


@EVERYWHERE
@pytest.mark.skipif("PALATE_ACCEPT" not in os.environ, reason="PALATE_ACCEPT names no acceptance program")
def test_the_acceptance_program_passes(installation):
    """PALATE_ACCEPT: a Python program; PALATE_ACCEPT_DATA: the folder that it is given."""
    command = [sys.executable, os.environ["PALATE_ACCEPT"], "--data", os.environ["PALATE_ACCEPT_DATA"],
               "--personalization", steps.PERSONALIZATION, "--ranking", "", "--bucket", f"accept-{uuid.uuid4().hex[:8]}"]
    endpoints = {"AWS_ENDPOINT_URL": installation.url, "AWS_ENDPOINT_URL_S3": installation.s3_url}
    subprocess.run(command, env={**os.environ, **CREDENTIALS, **endpoints}, check=True)
