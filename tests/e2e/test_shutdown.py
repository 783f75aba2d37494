"""SIGTERM: the request in flight is answered, the process ends with 0, and a job that was cut off goes on later."""

import json
import signal
import socket

import steps
from conftest import SERVE
from data import as_csv, dataset


@SERVE
def test_a_request_in_flight_is_answered_and_a_job_goes_on_after_the_next_start(installation):
    aws = installation.aws
    aws.s3.create_bucket(Bucket="shutdown")
    aws.s3.put_object(Bucket="shutdown", Key="rows.csv", Body=as_csv(dataset(2000, 20)["interactions"]))
    dataset_arn = steps.create_dataset(aws, steps.create_group(aws, "shutdown"), "interactions", "shutdown")

    body = json.dumps({"name": "in-flight"}).encode()
    head = (f"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\nconnection: close\r\n"
            "content-type: application/x-amz-json-1.1\r\nx-amz-target: AmazonPersonalize.CreateDatasetGroup\r\n"
            "authorization: AWS4-HMAC-SHA256 Credential=a/20260102/us-east-1/personalize/aws4_request\r\n"
            "expect: 100-continue\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", installation.port), timeout=30) as request:
        request.sendall(head)
        # The server asks for the body, so it has begun with this request.
        assert request.recv(1024).startswith(b"HTTP/1.1 100")
        job = steps.start_import(aws, dataset_arn, "s3://shutdown/rows.csv", "cut-off")
        installation.process.popen.send_signal(signal.SIGTERM)
        request.sendall(body)
        answer = b"".join(iter(lambda: request.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200") and b"dataset-group/in-flight" in answer
    assert installation.process.popen.wait(30) == 0

    installation.start()
    steps.active(lambda: steps.import_job(aws, job))
    names = [group["name"] for group in aws.personalize.list_dataset_groups()["datasetGroups"]]
    assert sorted(names) == ["in-flight", "shutdown"]
