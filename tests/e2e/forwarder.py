"""Plays what stands around the functions in an account: API Gateway, Lambda's asynchronous invoke, the schedule,
and S3 with its notifications. The functions themselves run under `cargo lambda watch`.

API Gateway here is an HTTP API with payload format 2.0: bodies that are not text arrive as base64, and a request
that makes an event of more than 6 MB is refused, as Lambda does.
"""

import base64
import http.client
import itertools
import json
import threading
import time
import urllib.parse
import uuid
import xml.etree.ElementTree
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROUTES = {
    "/": "control",
    "/recommendations": "recommend", "/personalize-ranking": "recommend", "/action-recommendations": "recommend",
    "/events": "put-events", "/items": "put-events", "/users": "put-events", "/actions": "put-events",
    "/action-interactions": "put-events",
}
INVOKE = "/2015-03-31/functions/"
TEXT = ("text/", "application/json", "application/javascript", "application/xml")
EVENT_LIMIT = 6 * 1024 * 1024
# Seconds before the second and third attempt of an asynchronous invoke; Lambda waits for one and two minutes.
RETRY_AFTER_S = (1, 2)


class FunctionError(Exception):
    """A function answered an invocation with an error, or not at all."""


class Forwarder:
    """Listens on a port of its own until `close()`.

    `watch` is the address (host, port) of cargo-lambda, `objects` keeps the objects (see s3.py).
    """

    def __init__(self, watch, objects, schedule_s=2):
        self.watch = watch
        self.objects = objects
        self.dead_letters = []
        self.sequence = itertools.count(time.time_ns())
        self.closing = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"forwarder": self}))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        if schedule_s:
            threading.Thread(target=self.keep_schedule, args=[schedule_s], daemon=True).start()

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def invoke(self, function, event):
        """Invokes a function and returns its answer."""
        connection = http.client.HTTPConnection(*self.watch, timeout=900)
        try:
            connection.request("POST", f"{INVOKE}{function}/invocations", json.dumps(event).encode())
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise FunctionError(f"{function} does not answer: {error!r}") from error
        finally:
            connection.close()
        try:
            result = json.loads(body) if body else None
        except ValueError as error:
            raise FunctionError(f"{function}: {answer.status} {body[:500]!r}") from error
        if answer.status != 200 or isinstance(result, dict) and "errorType" in result:
            raise FunctionError(f"{function}: {answer.status} {result}")
        return result

    def invoke_later(self, function, event):
        """As Lambda's invocation type Event: tried three times, then a dead letter."""
        threading.Thread(target=self.attempts, args=[function, event], daemon=True).start()

    def attempts(self, function, event):
        for wait_s in (*RETRY_AFTER_S, None):
            try:
                return self.invoke(function, event)
            except FunctionError as error:
                if wait_s is None:
                    self.dead_letters.append({"function": function, "event": event, "error": str(error)})
                elif self.closing.wait(wait_s):
                    return None
        return None

    def keep_schedule(self, every_s):
        event = {
            "version": "0", "id": str(uuid.uuid4()), "detail-type": "Scheduled Event", "source": "aws.events",
            "account": "000000000000", "time": "2026-01-02T03:04:05Z", "region": "us-east-1",
            "resources": ["arn:aws:events:us-east-1:000000000000:rule/palate-sweep"], "detail": {}}
        while not self.closing.wait(every_s):
            try:
                self.invoke("control", event)
            except FunctionError:
                pass  # the next tick comes anyway

    def notify(self, bucket, key, etag):
        """Tells of a new object, if the bucket's notification asks for it: twice, for S3 promises only at least once."""
        if not key.startswith("batch/input/"):
            return
        record = {
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
            "eventTime": "2026-01-02T03:04:05.678Z", "eventName": "ObjectCreated:Put",
            "userIdentity": {"principalId": "EXAMPLE"}, "requestParameters": {"sourceIPAddress": "127.0.0.1"},
            "responseElements": {},
            "s3": {"s3SchemaVersion": "1.0", "configurationId": "batch-uploads",
                   "bucket": {"name": bucket, "ownerIdentity": {"principalId": "EXAMPLE"}, "arn": f"arn:aws:s3:::{bucket}"},
                   "object": {"key": urllib.parse.quote_plus(key, safe="/"), "eTag": etag,
                              "sequencer": f"{next(self.sequence):018X}"}}}
        for _ in range(2):
            self.invoke_later("batch-inference", {"Records": [record]})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    forwarder: Forwarder

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.partition("?")[0]
        if path.startswith(INVOKE):
            self.lambda_(path, body)
        elif "/s3/aws4_request" in self.headers.get("authorization", ""):
            self.s3(body)
        elif self.command == "POST" and path in ROUTES:
            self.api_gateway(path, body)
        else:
            self.answer(404, {"content-type": "application/json"}, b'{"message":"Not Found"}')

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

    def lambda_(self, path, body):
        function = urllib.parse.unquote(path.removeprefix(INVOKE).removesuffix("/invocations"))
        if self.headers.get("x-amz-invocation-type") == "Event":
            self.forwarder.invoke_later(function, json.loads(body))
            self.answer(202, {}, b"")
        else:
            self.answer(200, {}, json.dumps(self.forwarder.invoke(function, json.loads(body))).encode())

    def api_gateway(self, path, body):
        text = (self.headers.get("content-type") or "text/plain").startswith(TEXT)
        headers = {}
        for name, value in self.headers.items():
            headers[name.lower()] = f"{headers[name.lower()]},{value}" if name.lower() in headers else value
        event = {
            "version": "2.0", "routeKey": f"POST {path}", "rawPath": path, "rawQueryString": "", "headers": headers,
            "requestContext": {
                "accountId": "000000000000", "apiId": "e2e", "domainName": "localhost", "domainPrefix": "e2e",
                "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                         "userAgent": headers.get("user-agent", "")},
                "requestId": uuid.uuid4().hex, "routeKey": f"POST {path}", "stage": "$default",
                "time": "02/Jan/2026:03:04:05 +0000", "timeEpoch": 1767323045000},
            "body": body.decode("utf-8", "replace") if text else base64.b64encode(body).decode(),
            "isBase64Encoded": not text}
        json_ = {"content-type": "application/json"}
        if len(json.dumps(event)) > EVENT_LIMIT:
            return self.answer(413, json_, b'{"message":"Request Entity Too Large"}')
        try:
            reply = self.forwarder.invoke(ROUTES[path], event)
        except FunctionError as error:
            self.log_message("%s", error)
            return self.answer(500, json_, b'{"message":"Internal Server Error"}')
        body = reply.get("body") or ""
        body = base64.b64decode(body) if reply.get("isBase64Encoded") else body.encode()
        return self.answer(reply["statusCode"], reply.get("headers") or {}, body)

    def s3(self, body):
        status, headers, answer = self.forwarder.objects.request(self.command, self.path, dict(self.headers.items()), body)
        self.answer(status, headers, answer)
        path, _, query = self.path.partition("?")
        bucket, _, key = urllib.parse.unquote(path).lstrip("/").partition("/")
        parameters = urllib.parse.parse_qs(query, keep_blank_values=True)
        if status != 200 or not key:
            return
        if self.command == "PUT" and not parameters.keys() - {"x-id"}:
            self.forwarder.notify(bucket, key, headers.get("ETag", headers.get("etag", "")).strip('"'))
        elif self.command == "POST" and "uploadId" in parameters:
            etag = xml.etree.ElementTree.fromstring(answer).findtext("{*}ETag") or ""
            self.forwarder.notify(bucket, key, etag.strip('"'))

    def answer(self, status, headers, body):
        skip = {"content-length", "connection", "transfer-encoding", "date", "server", "x-lambda-http-content-encoding"}
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in skip:
                self.send_header(name, value)
        length = headers.get("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format, *args):
        pass
