"""Users for items and for attributes of items, by batch segment jobs."""

import json

import steps
from conftest import EVERYWHERE
from data import as_csv, dataset, item

TABLES = dataset()
USERS = {row[0] for row in TABLES["users"][1:]}


@EVERYWHERE
def test_segments_hold_users_and_tell_bad_lines_in_place(installation):
    aws, bucket = installation.aws, "segments"
    aws.s3.create_bucket(Bucket=bucket)
    group = steps.create_group(aws, "segments")
    for kind, rows in TABLES.items():
        aws.s3.put_object(Bucket=bucket, Key=f"data/{kind}.csv", Body=as_csv(rows))
        dataset_arn = steps.create_dataset(aws, group, kind, "segments")
        arn = steps.start_import(aws, dataset_arn, f"s3://{bucket}/data/{kind}.csv", f"segments-{kind}")
        steps.active(lambda: steps.import_job(aws, arn))
    solution = steps.create_solution(aws, group, "aws-item-affinity", "segments")
    version = aws.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    steps.active(lambda: steps.solution_version(aws, version))
    metrics = aws.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
    assert set(metrics) == {"coverage", "hits_at_1_percent", "recall_at_1_percent"}

    lines = [json.dumps({"itemId": item(0, 5)}), "no json", json.dumps({"itemId": "unheard of"})]
    aws.s3.put_object(Bucket=bucket, Key="in/items.json", Body="\n".join(lines).encode())
    job = aws.personalize.create_batch_segment_job(
        jobName="segments", solutionVersionArn=version, numResults=10, roleArn=steps.ROLE,
        jobInput={"s3DataSource": {"path": f"s3://{bucket}/in/items.json"}},
        jobOutput={"s3DataDestination": {"path": f"s3://{bucket}/out/"}})["batchSegmentJobArn"]
    steps.active(lambda: aws.personalize.describe_batch_segment_job(batchSegmentJobArn=job)["batchSegmentJob"])
    body = aws.s3.get_object(Bucket=bucket, Key="out/items.json.out")["Body"].read()
    found, broken, missing = [json.loads(line) for line in body.splitlines()]
    assert found["input"] == {"itemId": item(0, 5)} and found["error"] is None
    assert len(set(found["output"]["usersList"])) == 10 and set(found["output"]["usersList"]) <= USERS
    assert broken["output"] is None and broken["input"] == "no json"
    assert missing["output"] is None and "unheard of" in missing["error"]
