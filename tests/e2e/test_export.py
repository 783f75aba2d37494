"""Data out again: exports are what Python's csv reads and what an import takes."""

import csv
import io
import time

import steps
from conftest import EVERYWHERE
from data import as_csv, dataset

TABLES = dataset(n_users=60)
ODD = ["plain", "Köln, \"Dom\"", "\"quoted\"", "a,b", "C:\\temp", "back\\\\slash", "🦀", "a|b", " spaces "]


def export_job(aws, arn):
    return aws.personalize.describe_dataset_export_job(datasetExportJobArn=arn)["datasetExportJob"]


def export(aws, dataset_arn, bucket, name, **mode):
    arn = aws.personalize.create_dataset_export_job(
        jobName=name, datasetArn=dataset_arn, roleArn=steps.ROLE,
        jobOutput={"s3DataDestination": {"path": f"s3://{bucket}/out/"}}, **mode)["datasetExportJobArn"]
    steps.active(lambda: export_job(aws, arn))
    keys = [entry["Key"] for entry in aws.s3.list_objects_v2(Bucket=bucket, Prefix=f"out/{name}/")["Contents"]]
    rows = []
    for key in keys:
        header, *lines = csv.reader(io.StringIO(steps.read(aws, bucket, key).decode(), newline=""))
        rows.append(header) if not rows else None
        rows += lines
    return rows


def import_rows(aws, dataset_arn, bucket, name, rows):
    aws.s3.put_object(Bucket=bucket, Key=f"in/{name}.csv", Body=as_csv(rows))
    arn = steps.start_import(aws, dataset_arn, f"s3://{bucket}/in/{name}.csv", name)
    steps.active(lambda: steps.import_job(aws, arn))


@EVERYWHERE
def test_what_was_imported_and_streamed_comes_out_again(installation):
    aws, bucket = installation.aws, "exports"
    aws.s3.create_bucket(Bucket=bucket)
    group = steps.create_group(aws, "exports")
    interactions = steps.create_dataset(aws, group, "interactions", "exports")
    users = steps.create_dataset(aws, group, "users", "exports")
    import_rows(aws, interactions, bucket, "interactions", TABLES["interactions"])
    odd = [TABLES["users"][0]] + [[f"user-{n}", n, text] for n, text in enumerate(ODD)]
    import_rows(aws, users, bucket, "users", odd)

    assert export(aws, users, bucket, "odd", ingestionMode="BULK") == [[str(cell) for cell in row] for row in odd]
    location = f"s3://{bucket}/out/odd/"
    again = steps.start_import(aws, users, location, "odd-again")
    steps.active(lambda: steps.import_job(aws, again))
    assert export(aws, users, bucket, "odder", ingestionMode="ALL")[1:] == [[str(cell) for cell in row] for row in odd[1:]]

    tracker = aws.personalize.create_event_tracker(name="exports", datasetGroupArn=group)
    sent_at = int(time.time())
    for number in range(25):
        aws.events.put_events(trackingId=tracker["trackingId"], userId="streamer", sessionId="s", eventList=[
            {"eventType": "watch", "itemId": f"item-{number}", "sentAt": sent_at, "eventId": f"e{number}"}])
    streamed = sorted(["streamer", f"item-{number}", str(sent_at), "watch"] for number in range(25))
    assert sorted(export(aws, interactions, bucket, "put")[1:]) == streamed
    everything = sorted([[str(cell) for cell in row] for row in TABLES["interactions"][1:]] + streamed)
    assert sorted(export(aws, interactions, bucket, "all", ingestionMode="ALL")[1:]) == everything
