"""Two ways to call: boto3 as a user would, and requests of any shape, signed, that no SDK would send.

Both hand every response, as it came over the wire, to the ledger.
"""

import http.client
import json
import urllib.parse

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from .model import OPERATIONS, SERVICES
from .responses import Response

REGION = "us-east-1"
KEY, SECRET = "palate", "palate"


class Palate:
    """An address and whoever talks to it."""

    def __init__(self, url, ledger):
        self.url, self.ledger = url, ledger
        self.last = None  # the operation that was called last
        self.raw = Raw(url, ledger)
        self.s3 = self.client("s3")
        self.clients = {service: self.client(service) for service in SERVICES}
        for client in self.clients.values():
            client.meta.events.register("before-parse.*.*", self.seen)

    def client(self, service):
        return boto3.client(
            service, endpoint_url=self.url, region_name=REGION, aws_access_key_id=KEY, aws_secret_access_key=SECRET,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60, s3={"addressing_style": "path"}))

    def seen(self, operation_model, response_dict, **_):
        headers = {name.lower(): value for name, value in response_dict["headers"].items()}
        response = Response(response_dict["status_code"], headers, response_dict["body"])
        self.ledger.response(OPERATIONS[operation_model.name], response, "a call with boto3")

    def __call__(self, name, /, **arguments):
        """Calls an operation with boto3."""
        self.last = name
        operation = OPERATIONS[name]
        return getattr(self.clients[operation.service], operation.method)(**arguments)

    def refused(self, code, name, /, *words, **arguments):
        """Calls an operation that must be refused with this exception, and with these words in the message. Returns
        whether it was."""
        try:
            self(name, **arguments)
        except ClientError as error:
            told = error.response["Error"]
            if told["Code"] != code:
                self.ledger.problem(name, f"{brief(arguments)}: answered {told['Code']}: {told['Message']}; expected {code}")
                return False
            if missing := [word for word in words if word not in told["Message"]]:
                self.ledger.problem(name, f"{brief(arguments)}: the message of {code} lacks {missing}: {told['Message']}")
            if type(error).__name__ != code:
                self.ledger.problem(name, f"boto3 raises {type(error).__name__} for {code}")
            self.ledger.refused(name, code)
            return True
        self.ledger.problem(name, f"{brief(arguments)}: was accepted; expected {code}")
        return False

    def attempt(self, name, /, **arguments):
        """Calls an operation; returns the exception's name, or `None` if it was accepted."""
        try:
            self(name, **arguments)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return None


class Raw:
    """Signed requests over one connection."""

    def __init__(self, url, ledger):
        self.address = urllib.parse.urlsplit(url).netloc
        self.ledger = ledger
        self.connection = None

    def send(self, operation, body):
        """Sends an input, or any bytes, and returns the response."""
        told = brief(body)
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {"Content-Type": "application/x-amz-json-1.1" if operation.control else "application/json"}
        if operation.target:
            headers["X-Amz-Target"] = operation.target
        request = AWSRequest("POST", f"http://{self.address}{operation.path}", headers, body)
        SigV4Auth(Credentials(KEY, SECRET), "personalize", REGION).add_auth(request)
        response = self.exchange(operation.path, body, dict(request.headers.items()))
        self.ledger.response(operation, response, told)
        return response

    def exchange(self, path, body, headers):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            self.connection.request("POST", path, body, headers)
            answer = self.connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None


def brief(body):
    """A request as a problem tells it."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else json.dumps(body, default=str)
    return text if len(text) <= 160 else f"{text[:160]}…"
