"""Who may call, as boto3 and the command line see it: signatures, scopes, keys, their revocation, S3."""

import contextlib
import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import boto3
import botocore.auth
import botocore.httpchecksum
import pytest
from boto3.s3.transfer import TransferConfig
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from functions import bin_dir
from local import Local
from processes import Process, free_port
from wait_for import wait_for

CAMPAIGN = "arn:aws:personalize:us-east-1:000000000000:campaign/none"
MISMATCH = "The request signature we calculated does not match the signature you provided."


class Closed(Local):
    """`palate serve --auth required`."""

    def start(self):
        self.env["PALATE_AUTH"] = "required"
        super().start()

    def keys(self, *arguments, status=0):
        """`palate keys …` on the data folder of the running process; returns what it printed."""
        command = [bin_dir() / "palate", "keys", *arguments, "--data", self.folder / "data"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stderr
        return done.stdout if status == 0 else done.stderr

    def key(self, scope, *arguments):
        printed = self.keys("create", "--scope", scope, *arguments)
        found = re.fullmatch(r"export AWS_ACCESS_KEY_ID=(PALATE[A-Z2-7]{14})\n"
                             r"export AWS_SECRET_ACCESS_KEY=([A-Z2-7]{40})\n", printed)
        assert found, printed
        return found.groups()

    def client(self, service, key, **config):
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, **config)
        return boto3.client(service, endpoint_url=self.url, region_name="us-east-1", aws_access_key_id=key[0],
                            aws_secret_access_key=key[1], config=config)


@pytest.fixture(scope="module")
def palate(tmp_path_factory):
    made = Closed(tmp_path_factory.mktemp("closed"), "embedded")
    yield made
    made.close()


@pytest.fixture(scope="module")
def admin(palate):
    return palate.key("admin", "--description", "the tests")


def refusal(call, **arguments):
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    response = raised.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403, response
    return response["Error"]["Code"], response["Error"].get("Message", "")


def calls(palate, key, **config):
    """One call of each of the three services."""
    return [
        palate.client("personalize", key, **config).list_recipes,
        lambda: palate.client("personalize-runtime", key, **config).get_recommendations(campaignArn=CAMPAIGN, userId="u"),
        lambda: palate.client("personalize-events", key, **config).put_events(
            trackingId="none", sessionId="s", eventList=[{"eventType": "watch", "sentAt": 1700000000}]),
    ]


def answer(call):
    """The class of the exception, or None."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def test_a_key_opens_what_its_scopes_say(palate, admin):
    denied = "AccessDeniedException"
    # Those who are let in learn that there is no such campaign and no such tracker.
    campaign, tracker = "ResourceNotFoundException", ("InvalidInputException", "ResourceNotFoundException")
    for key, opened in [(admin, (True, True, True)), (palate.key("read"), (False, True, False)),
                        (palate.key("events"), (False, False, True)), (palate.key("read,events"), (False, True, True))]:
        control, runtime, events = [answer(call) for call in calls(palate, key)]
        assert control == (None if opened[0] else denied)
        assert runtime == (campaign if opened[1] else denied)
        assert events in (tracker if opened[2] else (denied,))
    code, message = refusal(palate.client("personalize", palate.key("read")).create_campaign, name="c",
                            solutionVersionArn="arn:aws:personalize:us-east-1:000000000000:solution/s/1")
    assert code == denied and "is not authorized to perform: personalize:CreateCampaign" in message
    assert message.startswith("User: arn:aws:iam::000000000000:user/PALATE")


def test_what_is_written_with_a_key_is_read_with_it(palate, admin):
    personalize = palate.client("personalize", admin)
    arn = personalize.create_dataset_group(name="signed")["datasetGroupArn"]
    assert personalize.describe_dataset_group(datasetGroupArn=arn)["datasetGroup"]["name"] == "signed"
    far = boto3.client("personalize", endpoint_url=palate.url, region_name="eu-west-1", aws_access_key_id=admin[0],
                       aws_secret_access_key=admin[1])
    assert far.list_dataset_groups()["datasetGroups"] == [], "the region that is signed for is where resources are"


def test_an_unsigned_request_is_refused(palate):
    for call in calls(palate, ("a", "b"), signature_version=UNSIGNED)[1:]:
        assert refusal(call) == ("MissingAuthenticationTokenException", "Missing Authentication Token")
    # Without a signature the control plane is told by its target header.
    assert answer(calls(palate, ("a", "b"), signature_version=UNSIGNED)[0]) == "MissingAuthenticationTokenException"


def test_an_unknown_key_is_not_recognised(palate, admin):
    for key_id in ["palate", "AKIAIOSFODNN7EXAMPLE", "PALATE" + "A" * 14]:
        for call in calls(palate, (key_id, admin[1])):
            expected = ("UnrecognizedClientException", "The security token included in the request is invalid.")
            assert refusal(call) == expected


def test_a_wrong_secret_does_not_match(palate, admin):
    for call in calls(palate, (admin[0], "A" * 40)):
        code, message = refusal(call)
        assert code == "InvalidSignatureException" and message.startswith(MISMATCH)


def test_a_session_token_is_refused(palate, admin):
    client = boto3.client("personalize", endpoint_url=palate.url, region_name="us-east-1", aws_access_key_id=admin[0],
                          aws_secret_access_key=admin[1], aws_session_token="token")
    assert refusal(client.list_recipes)[0] == "UnrecognizedClientException"


@pytest.mark.parametrize(("minutes", "message"), [(-6, "Signature expired: "), (6, "Signature not yet current: ")])
def test_a_clock_that_is_wrong_by_more_than_five_minutes_is_refused(palate, admin, monkeypatch, minutes, message):
    skewed = lambda remove_tzinfo=True: (datetime.now(UTC) + timedelta(minutes=minutes)).replace(tzinfo=None)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", skewed)
    for call in calls(palate, admin):
        code, text = refusal(call)
        assert code == "InvalidSignatureException" and text.startswith(message), text


def tampered(palate, key, change):
    """A client whose requests are changed after they were signed."""
    client = palate.client("personalize", key)
    client.meta.events.register("before-send", lambda request, **_: change(request))
    return client


def replaced(header, old, new):
    def change(request):
        value = request.headers[header]
        request.headers[header] = (value.decode() if isinstance(value, bytes) else value).replace(old, new)
    return change


def test_what_was_changed_after_signing_is_refused(palate, admin):
    def body(request):
        request.body = b'{"maxResults":2}'
        request.headers["Content-Length"] = str(len(request.body))

    for change in [body, replaced("X-Amz-Target", "ListRecipes", "ListSchemas"), replaced("Content-Type", "1.1", "1.0"),
                   replaced("Authorization", "/us-east-1/", "/us-west-2/")]:
        code, message = refusal(tampered(palate, admin, change).list_recipes, maxResults=1)
        assert code == "InvalidSignatureException" and message.startswith(MISMATCH)


def test_a_credential_scope_of_another_day_is_refused(palate, admin):
    today = datetime.now(UTC).strftime("/%Y%m%d/")
    code, message = refusal(tampered(palate, admin, replaced("Authorization", today, "/20150830/")).list_recipes)
    assert code == "InvalidSignatureException" and message.startswith("Date in Credential scope does not match")


def test_an_authorization_without_a_signature_is_incomplete(palate, admin):
    cut = tampered(palate, admin, replaced("Authorization", "Signature=", "Sign="))
    code, message = refusal(cut.list_recipes)
    assert (code, message) == ("IncompleteSignatureException", "Authorization header requires 'Signature' parameter.")


def test_keys_are_listed_without_secrets_and_revoked(palate, admin):
    key_id, secret = palate.key("read,events", "--description", "the shop")
    listed = palate.keys("list")
    row = next(line for line in listed.splitlines() if line.startswith(key_id))
    assert re.fullmatch(key_id + r"  read,events +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  the shop", row)
    assert secret not in listed and admin[1] not in listed and admin[0] in listed

    read = calls(palate, (key_id, secret))[1]
    assert answer(read) == "ResourceNotFoundException"
    palate.keys("revoke", key_id)
    end = time.monotonic() + 30  # a guard; it takes at most five seconds
    while answer(read) != "UnrecognizedClientException":
        assert time.monotonic() < end, "a revoked key still works"
    assert key_id not in palate.keys("list")
    assert key_id in palate.keys("revoke", key_id, status=1)


def test_the_command_line_says_what_is_wrong(palate, tmp_path):
    assert "write" in palate.keys("create", "--scope", "read,write", status=2)
    nowhere = [bin_dir() / "palate", "keys", "list", "--data", tmp_path / "nowhere"]
    done = subprocess.run(nowhere, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "no data folder" in done.stderr and not (tmp_path / "nowhere").exists()


def test_secrets_are_neither_stored_nor_logged_in_the_clear(palate, admin):
    calls(palate, admin)[0]()
    data = palate.folder / "data"
    assert (data / "master.key").stat().st_mode & 0o777 == 0o600
    master = (data / "master.key").read_text().strip()
    files = [path for path in data.rglob("*") if path.is_file() and path.name != "master.key"]
    for path in [*files, palate.folder / "palate.log"]:
        content = path.read_bytes()
        assert admin[1].encode() not in content and master.encode() not in content, path


def own(palate, path, method="GET", authorization=None):
    headers = {"Authorization": authorization} if authorization else {}
    data = b'{"Records": []}' if method == "POST" else None
    request = urllib.request.Request(f"{palate.url}/_palate/{path}", data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def test_health_is_open_and_other_own_paths_are_not(palate, admin):
    reader = palate.key("read")
    assert own(palate, "health") == 200
    for path, method in [("object-created", "POST"), ("nothing", "GET")]:
        assert own(palate, path, method) == 403
        assert own(palate, path, method, f"Bearer {reader[0]}:{reader[1]}") == 403
        assert own(palate, path, method, f"Bearer {admin[0]}:{'A' * 40}") == 403
    assert own(palate, "object-created", "POST", "Bearer " + ":".join(admin)) == 200
    assert own(palate, "nothing", "GET", "Bearer " + ":".join(admin)) == 404


@pytest.fixture(scope="module")
def bucket(palate, admin):
    palate.client("s3", admin).create_bucket(Bucket="signed")
    return "signed"


@contextlib.contextmanager
def trailing_checksums(monkeypatch):
    """boto3 as it uploads over TLS: `aws-chunked`, unsigned, with the checksum in a trailing header."""
    real = botocore.httpchecksum.urlparse
    with monkeypatch.context() as patch:
        patch.setattr(botocore.httpchecksum, "urlparse", lambda url: real(url.replace("http://", "https://", 1)))
        yield


def test_s3_takes_what_boto3_uploads_with_a_key(palate, admin, bucket, monkeypatch):
    s3 = palate.client("s3", admin)
    content = bytes(range(256)) * 40_000
    s3.put_object(Bucket=bucket, Key="plain", Body=content)
    with trailing_checksums(monkeypatch):
        s3.put_object(Bucket=bucket, Key="trailing", Body=content, ContentEncoding="gzip")
        s3.put_object(Bucket=bucket, Key="trailing-sha", Body=content, ChecksumAlgorithm="SHA256")
    part = 5 << 20
    with (palate.folder / "content").open("w+b") as file:
        file.write(content)
        file.seek(0)
        s3.upload_fileobj(file, bucket, "parts", Config=TransferConfig(multipart_threshold=part, multipart_chunksize=part))
    for key in ["plain", "trailing", "trailing-sha", "parts"]:
        got = s3.get_object(Bucket=bucket, Key=key)
        assert got["Body"].read() == content, key
        # Not `aws-chunked`, which was only the wrapping.
        assert got.get("ContentEncoding") == ("gzip" if key == "trailing" else None), key
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix="")["Contents"]]
    assert sorted(keys) == ["parts", "plain", "trailing", "trailing-sha"]
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "plain"})
    with urllib.request.urlopen(url) as response:
        assert response.read() == content


def test_s3_refuses_everybody_else(palate, admin, bucket):
    for key, config, code in [
        ((admin[0], "A" * 40), {}, "SignatureDoesNotMatch"),
        (("PALATE" + "A" * 14, admin[1]), {}, "InvalidAccessKeyId"),
        (palate.key("read,events"), {}, "AccessDenied"),
        (("a", "b"), {"signature_version": UNSIGNED}, "AccessDenied"),
    ]:
        s3 = palate.client("s3", key, **config)
        assert refusal(s3.put_object, Bucket=bucket, Key="stranger", Body=b"x")[0] == code
        assert refusal(s3.get_object, Bucket=bucket, Key="plain")[0] == code
        assert refusal(s3.list_buckets)[0] == code
    assert "Contents" not in palate.client("s3", admin).list_objects_v2(Bucket=bucket, Prefix="stranger")


def test_a_host_that_others_reach_requires_keys_and_says_how_to_make_one(tmp_path):
    port = free_port()
    command = [bin_dir() / "palate", "serve", "--host", "0.0.0.0", "--port", port, "--data", tmp_path / "data"]
    process = Process(command, tmp_path / "log")
    try:
        wait_for(f"http://127.0.0.1:{port}/_palate/health", process.alive)
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", b"{}",
                                         {"X-Amz-Target": "AmazonPersonalize.ListRecipes"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        assert refused.value.code == 403
        assert json.load(refused.value)["__type"] == "MissingAuthenticationTokenException"
        assert "palate keys create --data" in process.output()
        assert "AWS_SECRET_ACCESS_KEY=palate" not in process.output()
    finally:
        process.stop()
