"""`kill -9` in the middle of a job: it ends ACTIVE once, and its result is that of a job left in peace."""

import json
import re
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

import steps
from conftest import SERVE
from data import as_csv, dataset

BUCKET = "faults"
ROWS = dataset(4000, 40)["interactions"]
USERS = sorted({row[0] for row in ROWS[1:]})
INSTALLATIONS = pytest.mark.parametrize("installation", ["serve-embedded", "functions-aws"], indirect=True)


def describing(describe):
    """`describe`, with a connection that breaks waited out: the service may be restarting."""
    def patiently():
        end = time.monotonic() + 60
        while True:
            try:
                return describe()
            except (BotoCoreError, ClientError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
    return patiently


def interrupted(installation, function, start, describe):
    """Starts jobs and kills their worker at once, until a kill has hit one before its end; returns its ARN.

    A short job may have ended before the kill arrives: then it has been active since before, and the next is tried.
    """
    for number in range(30):
        arn = start(number)
        # A deployment is over before anybody can ask how it is.
        while function != "deploy" and describe(arn)["status"] == "CREATE PENDING":
            pass
        killed_at = time.time()
        installation.kill(function)
        installation.restart()
        job = steps.active(describing(lambda: describe(arn)))
        if job["lastUpdatedDateTime"].timestamp() > killed_at:
            return arn
    raise AssertionError(f"no kill arrived before the end of a {function} job")


def undisturbed(start, describe):
    arn = start("calm")
    steps.active(lambda: describe(arn))
    return arn


@INSTALLATIONS
def test_a_killed_job_ends_once_and_as_if_nothing_had_been(installation):
    aws = installation.aws
    aws.s3.create_bucket(Bucket=BUCKET)
    aws.s3.put_object(Bucket=BUCKET, Key="rows.csv", Body=as_csv(ROWS))
    lines = "".join(json.dumps({"userId": user}) + "\n" for user in USERS)
    aws.s3.put_object(Bucket=BUCKET, Key="users.json", Body=lines.encode())

    results = {}
    for kind in ("calm", "killed"):
        run = undisturbed if kind == "calm" else None
        group = steps.create_group(aws, kind)
        dataset_arn = steps.create_dataset(aws, group, "interactions", kind)

        def do(function, start, describe):
            return run(start, describe) if run else interrupted(installation, function, start, describe)

        do("import", lambda n: steps.start_import(aws, dataset_arn, f"s3://{BUCKET}/rows.csv", f"{kind}-{n}"),
           lambda arn: steps.import_job(aws, arn))
        solution = steps.create_solution(aws, group, steps.PERSONALIZATION, kind)
        version = do("train", lambda n: aws.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"],
                     lambda arn: steps.solution_version(aws, arn))
        campaign = do("deploy", lambda n: aws.personalize.create_campaign(
            name=f"{kind}-{n}", solutionVersionArn=version, minProvisionedTPS=1)["campaignArn"],
            lambda arn: steps.campaign(aws, arn))
        batch = do("batch-inference", lambda n: steps.start_batch(
            aws, version, f"{kind}-{n}", f"s3://{BUCKET}/users.json", f"s3://{BUCKET}/{kind}-{n}/"),
            lambda arn: steps.batch_job(aws, arn))
        destination = steps.batch_job(aws, batch)["jobOutput"]["s3DataDestination"]["path"]
        results[kind] = {
            "metrics": aws.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"],
            "lists": [steps.item_ids(aws.runtime.get_recommendations(campaignArn=campaign, userId=user))
                      for user in USERS[:50]],
            "batch": steps.read(aws, BUCKET, destination.removeprefix(f"s3://{BUCKET}/") + "users.json.out"),
        }
    assert results["killed"] == results["calm"]
    once(aws)


def once(aws):
    """Every job is there once, ACTIVE; nothing is left to do."""
    for list_, member, name in (
            (aws.personalize.list_dataset_import_jobs, "datasetImportJobs", "jobName"),
            (aws.personalize.list_campaigns, "campaigns", "name"),
            (aws.personalize.list_batch_inference_jobs, "batchInferenceJobs", "jobName")):
        found = list_(maxResults=100)[member]
        assert len({entry[name] for entry in found}) == len(found)
        assert {entry["status"] for entry in found} == {"ACTIVE"}


# Up to here a network learns from what is not held back; at the end of that it keeps what it has learned.
LEARNED_PERCENT = 70


def epochs(log, version):
    """How far a training was after each of its epochs, in percent, as far as it learned without what is held back."""
    found = re.findall(rf'job="{re.escape(version)}" step="epoch [^"]*" percent=(\d+)', log)
    return [int(percent) for percent in found if int(percent) <= LEARNED_PERCENT]


@SERVE
def test_a_killed_training_of_a_sequence_recipe_goes_on_from_what_it_kept(installation):
    aws = installation.aws
    aws.s3.create_bucket(Bucket="sequences")
    aws.s3.put_object(Bucket="sequences", Key="rows.csv", Body=as_csv(dataset(100, 15)["interactions"]))
    group = steps.create_group(aws, "sequences")
    dataset_arn = steps.create_dataset(aws, group, "interactions", "sequences")
    job = steps.start_import(aws, dataset_arn, "s3://sequences/rows.csv", "sequences")
    steps.active(lambda: steps.import_job(aws, job))
    solution = steps.create_solution(aws, group, "aws-user-personalization-v2", "sequences")
    tracker = aws.personalize.create_event_tracker(name="sequences", datasetGroupArn=group)["trackingId"]

    def start():
        return aws.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]

    def metrics(version):
        return aws.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]

    calm = start()
    steps.active(lambda: steps.solution_version(aws, calm))
    all_epochs = epochs(installation.log(), calm)
    assert all_epochs[-1] == LEARNED_PERCENT
    # Of a training this short the end may be faster than the kill: then the next is tried.
    for _ in range(10):
        version = start()
        kept = f"data/blobs/models/**/{version.rsplit('/', 1)[1]}/checkpoints/*/learning"
        while not list(installation.folder.glob(kept)) and steps.solution_version(aws, version)["status"] != "ACTIVE":
            pass
        installation.kill("train")
        before = installation.log()
        installation.restart()
        if steps.solution_version(aws, version)["status"] == "CREATE IN_PROGRESS":
            break
    else:
        raise AssertionError("no kill arrived between what was kept and the end of a training")
    # The next attempt waits for the lease to run out. What comes before it is for the next version.
    aws.events.put_events(trackingId=tracker, sessionId="s", userId="user-00000", eventList=[
        {"eventType": "watch", "itemId": "item-00-00", "sentAt": int(time.time())}])
    steps.active(lambda: steps.solution_version(aws, version))
    learned_before, learned_after = epochs(before, version), epochs(installation.log()[len(before):], version)
    assert learned_before == all_epochs[:len(learned_before)]
    # A training that takes longer keeps something on the way, too.
    assert len(learned_after) < len(all_epochs), "it began anew"
    assert learned_after == all_epochs[len(all_epochs) - len(learned_after):]
    assert metrics(version) == metrics(calm)
