"""Users who are to be forgotten, in every installation."""

import time

import steps
from conftest import EVERYWHERE
from data import dataset
from test_export import export, import_rows

TABLES = dataset(n_users=60)


def forgotten(aws, arn, limit_s=240):
    end = time.monotonic() + limit_s
    while True:
        job = aws.personalize.describe_data_deletion_job(dataDeletionJobArn=arn)["dataDeletionJob"]
        if job["status"] in ("COMPLETED", "FAILED"):
            return job
        assert time.monotonic() < end, job
        time.sleep(0.05)


@EVERYWHERE
def test_users_are_forgotten(installation):
    aws, bucket = installation.aws, "deletions"
    aws.s3.create_bucket(Bucket=bucket)
    group = steps.create_group(aws, "deletions")
    arns = {kind: steps.create_dataset(aws, group, kind, "deletions") for kind in ("interactions", "users")}
    for kind, arn in arns.items():
        import_rows(aws, arn, bucket, f"first-{kind}", TABLES[kind])
    solution = steps.create_solution(aws, group, steps.PERSONALIZATION, "deletions")
    version = aws.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    steps.active(lambda: steps.solution_version(aws, version))
    campaign = aws.personalize.create_campaign(
        name="deletions", solutionVersionArn=version, minProvisionedTPS=1)["campaignArn"]
    steps.active(lambda: steps.campaign(aws, campaign))
    tracker = aws.personalize.create_event_tracker(name="deletions", datasetGroupArn=group)
    gone, stays = TABLES["users"][1][0], TABLES["users"][2][0]
    for user in (gone, stays):
        aws.events.put_events(trackingId=tracker["trackingId"], userId=user, sessionId="s", eventList=[
            {"eventType": "watch", "itemId": "item-00-01", "sentAt": time.time()}])

    def ask(user):
        return steps.item_ids(aws.runtime.get_recommendations(campaignArn=campaign, userId=user, numResults=10))
    stranger, other = ask("a stranger"), ask(stays)
    assert ask(gone) != stranger

    aws.s3.put_object(Bucket=bucket, Key="forget/2026/users.csv", Body=f"USER_ID\n{gone}\nnobody\n".encode())
    job = aws.personalize.create_data_deletion_job(
        jobName="forget", datasetGroupArn=group, roleArn=steps.ROLE,
        dataSource={"dataLocation": f"s3://{bucket}/forget/"})["dataDeletionJobArn"]
    job = forgotten(aws, job)
    assert job["status"] == "COMPLETED", job
    assert job["numDeleted"] == 20 + 1 + 1, "rows of a file, the streamed event, the user"

    for kind, arn in arns.items():
        users = [row[0] for row in export(aws, arn, bucket, f"rest-{kind}", ingestionMode="ALL")[1:]]
        assert gone not in users and stays in users and len(set(users)) == 59
    # A process goes by where it found the model up to a second ago, and the next answer may be another process's: all agree
    # when none has differed for two seconds.
    end, differed = time.monotonic() + 30, time.monotonic()
    while time.monotonic() < min(end, differed + 2):
        if ask(gone) != stranger:
            differed = time.monotonic()
        time.sleep(0.1)
    assert ask(gone) == stranger and ask(stays) == other
