"""A DynamoDB that throttles, fails, hangs up and dawdles, by a plan that a seed decides: a proxy before a sound one."""

import contextlib
import http.client
import json
import random
import socket
import threading
import time
import urllib.parse
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = "com.amazonaws.dynamodb.v20120810#"

# What can happen to a request: its weight, whether DynamoDB serves it, and what the caller is told. Nothing told is a
# connection that is closed without an answer.
FAULTS = {
    "throttled": (3, False, (400, "ProvisionedThroughputExceededException")),
    "throttling": (3, False, (400, "ThrottlingException")),
    "failed": (3, False, (500, "InternalServerError")),
    "refused": (2, False, (400, "AccessDeniedException")),
    "lost before": (3, False, None),
    "lost after": (4, True, None),
    "failed after": (4, True, (500, "InternalServerError")),
}
SLOW_S = 0.2


class FaultyDynamo:
    """Listens at `url` until `close()`. While `trouble` is above 0, that share of the requests meets a fault."""

    def __init__(self, target, seed):
        self.target = urllib.parse.urlsplit(target).netloc
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.trouble = 0.0
        self.fates = {}
        self.met = Counter()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"proxy": self}))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    @contextlib.contextmanager
    def always(self, text, fault):
        """For a while, whatever has this text in its body meets this fault."""
        with self.lock:
            self.fates = {**self.fates, text.encode(): fault}
        try:
            yield
        finally:
            with self.lock:
                self.fates = {other: fault for other, fault in self.fates.items() if other != text.encode()}

    def fate(self, body):
        """The next fault and how long the request waits before it; `None` for a sound answer."""
        with self.lock:
            for text, fault in self.fates.items():
                if text in body:
                    return fault, 0
            if self.random.random() >= self.trouble:
                self.met["sound"] += 1
                return None, 0
            names = list(FAULTS)
            name = self.random.choices(names, [FAULTS[name][0] for name in names])[0]
            self.met[name] += 1
            return name, self.random.choice([0, 0, SLOW_S])

    def forward(self, path, headers, body):
        connection = http.client.HTTPConnection(self.target, timeout=60)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultyDynamo

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "host")}
        headers["Host"] = self.proxy.target
        fault, wait_s = self.proxy.fate(body)
        time.sleep(wait_s)  # the fault itself: an answer that is late
        if fault is None:
            return self.answer(*self.proxy.forward(self.path, headers, body))
        _, served, told = FAULTS[fault]
        if served:
            self.proxy.forward(self.path, headers, body)
        if told is None:
            return self.hang_up()
        status, code = told
        content = json.dumps({"__type": PREFIX + code, "message": "by the plan"}).encode()
        return self.answer(status, {"Content-Type": "application/x-amz-json-1.0"}, content)

    def hang_up(self):
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the caller was first

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass
