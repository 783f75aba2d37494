"""The edge of `palate serve`: slow and oversized clients, ids, logs, metrics, and what tests may do to it."""

import http.client
import json
import re
import socket
import subprocess
import threading
import time
import urllib.parse

import pytest
from botocore.exceptions import ClientError

import steps
from data import as_csv, dataset
from functions import CREDENTIALS, bin_dir
from local import Local
from processes import Process
from wait_for import wait_for

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ARGUMENTS = ["--allow-clock", "--allow-reset", "--log-format", "json", "--quota", "dataset-groups=40",
             "--body-timeout-ms", "800", "--header-timeout-ms", "1000", "--max-connections", "32"]


class Edges(Local):
    """`palate serve` with short patience and everything allowed."""

    def start(self):
        command = [bin_dir() / "palate", "serve", "--port", self.port, *ARGUMENTS]
        env = {**self.env, "RUST_LOG": "debug,s3s=off,s3s_fs=off,hyper=off"}
        self.process = Process(command, self.folder / "palate.log", env)
        wait_for(f"{self.url}/_palate/health", self.process.alive)

    def lines(self):
        """The log, line by line; what is not JSON was printed for people."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def palate(tmp_path_factory):
    made = Edges(tmp_path_factory.mktemp("edges"), "embedded")
    made.aws = steps.clients(made.url, made.s3_url)
    yield made
    made.close()


def ask(palate, method, path, body=None, headers=None):
    """The status, the headers and the body of an answer."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(palate.url).netloc, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def control(operation):
    return {"x-amz-target": f"AmazonPersonalize.{operation}", "content-type": "application/x-amz-json-1.1"}


def told(palate, path, content=None):
    status, _, body = ask(palate, "GET" if content is None else "POST", path, content and json.dumps(content))
    return status, json.loads(body)


def raw(palate, content):
    """Sends bytes and reads until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", palate.port), timeout=30) as stream:
        stream.sendall(content)
        answer = b""
        while piece := stream.recv(65536):
            answer += piece
    return answer.decode()


def test_every_answer_has_a_request_id(palate):
    seen = set()
    s3 = {"authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, Signature=0"}
    sts = {"authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/sts/aws4_request, Signature=0"}
    requests = [("POST", "/", b"{}", control("ListSchemas")), ("POST", "/", b"{", control("ListSchemas")),
                ("POST", "/", b"{}", control("Nothing")), ("GET", "/_palate/health", None, {}),
                ("GET", "/_palate/nothing", None, {}), ("GET", "/no-bucket/key", None, s3), ("GET", "/", None, s3),
                ("POST", "/", b"", sts), ("GET", "/" + "a" * 20_000, None, s3)]
    for method, path, body, headers in requests:
        _, answered, _ = ask(palate, method, path, body, headers)
        assert ID.fullmatch(answered["x-amzn-requestid"]), (path, answered)
        if headers is s3:
            assert answered["x-amz-request-id"] == answered["x-amzn-requestid"]
        seen.add(answered["x-amzn-requestid"])
    assert len(seen) == len(requests)


def test_a_client_that_stops_in_a_body_is_cut_off(palate):
    head = "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 50\r\nx-amz-target: AmazonPersonalize.ListSchemas\r\n\r\n{"
    answer = raw(palate, head.encode())
    assert answer.startswith("HTTP/1.1 408 ") and "RequestTimeoutException" in answer and "x-amzn-requestid" in answer
    palate.aws.s3.create_bucket(Bucket="slow")
    answer = raw(palate, b"PUT /slow/key HTTP/1.1\r\nhost: h\r\ncontent-length: 50\r\n\r\nhalf")
    assert answer.startswith("HTTP/1.1 400 ") and "<Code>RequestTimeout</Code>" in answer
    with pytest.raises(ClientError):
        palate.aws.s3.head_object(Bucket="slow", Key="key")


def test_a_client_that_stops_in_the_head_or_between_requests_is_cut_off(palate):
    for begun in (b"", b"POST / HT"):
        assert not raw(palate, begun).startswith("HTTP/1.1 200 ")
    answer = raw(palate, b"GET /_palate/health HTTP/1.1\r\nhost: h\r\n\r\n")
    assert answer.startswith("HTTP/1.1 200 ") and "connection: close" not in answer


def test_a_slow_upload_that_goes_on_comes_to_its_end(palate):
    palate.aws.s3.create_bucket(Bucket="steady")
    with socket.create_connection(("127.0.0.1", palate.port), timeout=30) as stream:
        stream.sendall(b"PUT /steady/key HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 24\r\n\r\n")
        # Three times longer than a stall may last; the pace of this client is what the test is about.
        for _ in range(24):
            stream.sendall(b"x")
            time.sleep(0.1)
        assert stream.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert palate.aws.s3.get_object(Bucket="steady", Key="key")["Body"].read() == b"x" * 24


def test_what_is_too_large_is_refused_in_words(palate):
    for size in (6 * 2**20 + 1, 20_000_000):
        status, _, body = ask(palate, "POST", "/", b" " * size, control("ListSchemas"))
        assert (status, json.loads(body)["__type"]) == (413, "RequestEntityTooLargeException")
    # Announced and never sent: nobody waits for it.
    head = ("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 999999999999\r\nexpect: 100-continue\r\n"
            "x-amz-target: AmazonPersonalize.ListSchemas\r\n\r\n")
    assert raw(palate, head.encode()).startswith("HTTP/1.1 413 ")
    status, _, body = ask(palate, "POST", "/", b'{"a":[' + b"{}," * 1_000_000 + b"0]}", control("ListSchemas"))
    assert status == 400 and "JSON values" in json.loads(body)["message"]
    status, _, body = ask(palate, "POST", "/", b'{"a":' + b"[" * 90_000 + b"]" * 90_000 + b"}", control("ListSchemas"))
    assert (status, json.loads(body)["__type"]) == (400, "SerializationException")
    status, _, body = ask(palate, "POST", "/_palate/clock", b" " * 100_000)
    assert status == 400, body


def test_too_many_headers_are_refused_in_words(palate):
    many = {f"x-{number}": "a" for number in range(120)}
    status, headers, body = ask(palate, "POST", "/", b"{}", many | control("ListSchemas"))
    assert status == 431 and "at most 100" in json.loads(body)["message"] and ID.fullmatch(headers["x-amzn-requestid"])
    status, _, _ = ask(palate, "POST", "/", b"{}", {"x-long": "a" * 60_000} | control("ListSchemas"))
    assert status == 431
    # Far beyond, nobody looks at what it is.
    lines = "".join(f"x-{number}: a\r\n" for number in range(5_000))
    assert raw(palate, f"GET / HTTP/1.1\r\nhost: h\r\n{lines}\r\n".encode()).startswith("HTTP/1.1 431 ")


def test_more_connections_than_allowed_wait_their_turn(palate):
    idle = [socket.create_connection(("127.0.0.1", palate.port), timeout=30) for _ in range(100)]
    try:
        # Those that say nothing are let go, and this one is answered.
        assert told(palate, "/_palate/health")[0] == 200
    finally:
        for stream in idle:
            stream.close()


def metrics(palate):
    status, headers, body = ask(palate, "GET", "/_palate/metrics")
    assert status == 200 and headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {}
    for line in body.decode().splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            assert re.fullmatch(r'[a-z_]+(\{([a-z]+="[^"\\]*",?)+\})?', name) and name not in samples, line
            samples[name] = float(value)
    return samples


def test_metrics_and_health_tell_what_happened(palate):
    refused = 'palate_requests_total{operation="DescribeSchema",status="4xx"}'
    before = metrics(palate).get(refused, 0)
    with pytest.raises(ClientError):
        palate.aws.personalize.describe_schema(schemaArn="arn:aws:personalize:us-east-1:000000000000:schema/none")
    after = metrics(palate)
    assert after[refused] == before + 1
    assert after["palate_connections_open"] >= 1 and after["palate_requests_in_flight"] == 0
    assert after["process_resident_memory_bytes"] > 1e6
    assert after['palate_jobs_unsettled{state="waiting"}'] == 0
    status, health = told(palate, "/_palate/health")
    assert status == 200 and health["status"] == "ok" and health["jobs"] == {"waiting": 0, "running": 0}


def test_a_quota_is_raised(palate):
    assert "Quotas: dataset-groups=40" in palate.log()
    for number in range(7):
        palate.aws.personalize.create_dataset_group(name=f"quota-{number}")


def test_the_clock_is_held_advanced_and_released(palate):
    status, shown = told(palate, "/_palate/clock", {"hold": True})
    assert status == 200 and shown["held"]
    now = shown["now"]
    assert told(palate, "/_palate/clock")[1] == {"now": now, "held": True}
    assert told(palate, "/_palate/clock", {"advance": 86400})[1]["now"] == now + 86400
    p = palate.aws.personalize
    arn = p.create_dataset_group(name="tomorrow")["datasetGroupArn"]
    created = p.describe_dataset_group(datasetGroupArn=arn)["datasetGroup"]["creationDateTime"]
    assert abs(created.timestamp() - (now + 86400)) < 0.01
    status, refused = told(palate, "/_palate/clock", {"set": now})
    assert status == 400 and "backwards" in refused["message"]
    for wrong in ({}, {"advance": "soon"}, {"forward": 1}, {"advance": -1}):
        assert told(palate, "/_palate/clock", wrong)[0] == 400
    status, shown = told(palate, "/_palate/clock", {"release": True})
    assert status == 200 and not shown["held"] and shown["now"] >= now + 86400


def test_a_reset_under_load_leaves_nothing_and_everything_works_again(palate):
    aws, stop, codes = palate.aws, threading.Event(), set()
    aws.s3.create_bucket(Bucket="reset")
    aws.s3.put_object(Bucket="reset", Key="rows.csv", Body=as_csv(dataset(500, 20)["interactions"]))
    arn = steps.create_dataset(aws, steps.create_group(aws, "reset"), "interactions", "reset")
    steps.start_import(aws, arn, "s3://reset/rows.csv", "running")

    def load(number):
        clients = steps.clients(palate.url, palate.s3_url)
        while not stop.is_set():
            try:
                clients.personalize.list_schemas()
                clients.s3.put_object(Bucket="reset", Key=f"object-{number}", Body=b"x" * 100_000)
            except ClientError as error:
                codes.add(error.response["Error"]["Code"])

    threads = [threading.Thread(target=load, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    assert told(palate, "/_palate/reset", {})[0] == 200
    stop.set()
    for thread in threads:
        thread.join()
    # What was in flight was answered before or after, never broken.
    assert codes <= {"NoSuchBucket"}, codes
    assert aws.personalize.list_dataset_groups()["datasetGroups"] == []
    assert aws.s3.list_buckets()["Buckets"] == []
    # The same names again, and to their end.
    aws.s3.create_bucket(Bucket="reset")
    aws.s3.put_object(Bucket="reset", Key="rows.csv", Body=as_csv(dataset(500, 20)["interactions"]))
    arn = steps.create_dataset(aws, steps.create_group(aws, "reset"), "interactions", "reset")
    job = steps.start_import(aws, arn, "s3://reset/rows.csv", "running")
    steps.active(lambda: steps.import_job(aws, job))


def test_the_log_tells_of_requests_and_not_of_users(palate):
    aws = palate.aws
    group = steps.create_group(aws, "secrets")
    steps.create_dataset(aws, group, "interactions", "secrets")
    tracker = aws.personalize.create_event_tracker(name="secrets", datasetGroupArn=group)["trackingId"]
    with pytest.raises(ClientError) as caught:
        aws.runtime.get_recommendations(
            campaignArn="arn:aws:personalize:us-east-1:000000000000:campaign/none", userId="secret-user",
            filterValues={"V": '"secret-value"'})
    refused = caught.value.response["ResponseMetadata"]["RequestId"]
    event = {"eventType": "watch", "itemId": "secret-item", "sentAt": 1, "properties": '{"note":"secret-note"}'}
    answer = aws.events.put_events(
        trackingId=tracker, userId="secret-user", sessionId="secret-session", eventList=[event])
    good = answer["ResponseMetadata"]["RequestId"]
    aws.s3.create_bucket(Bucket="logged")
    aws.s3.put_object(Bucket="logged", Key="secret-key", Body=b"secret-body")
    assert "secret-" not in palate.log()
    lines = {}
    for line in palate.lines():
        if (span := line.get("span", {})).get("name") == "request" and "took_ms" in line["fields"]:
            told_of = (span["operation"], line["level"], line["fields"])
            lines.setdefault(span["request_id"], []).append(told_of)
    [(operation, level, fields)] = lines[refused]
    assert (operation, level, fields["status"]) == ("GetRecommendations", "INFO", 404)
    assert fields["code"] == "ResourceNotFoundException" and fields["took_ms"] >= 0
    [(operation, level, fields)] = lines[good]
    assert (operation, level, fields["status"]) == ("PutEvents", "DEBUG", 200)


def test_nothing_is_allowed_that_was_not_asked_for(tmp_path_factory):
    plain = Local(tmp_path_factory.mktemp("plain"), "embedded")
    try:
        for path in ("/_palate/clock", "/_palate/reset"):
            assert told(plain, path, {"hold": True})[0] == 404
        assert told(plain, "/_palate/clock")[0] == 404
    finally:
        plain.close()
    for flag in ("--allow-clock", "--allow-reset"):
        command = [bin_dir() / "palate", "serve", "--port", "0", "--store", "aws", "--table", "t", "--bucket", "b", flag]
        ended = subprocess.run(command, capture_output=True, text=True, env=CREDENTIALS, timeout=60)
        assert ended.returncode != 0 and "--store embedded" in ended.stderr, ended.stderr
