"""Runs moto's server for the tests of the AWS backend: `moto_server.py [PORT]`, port 0 for a free one.

Prints the URL and serves until it is killed. Amazon's services differ from moto (seen in 5.2.5) in two
things that the store relies on, and they are put right here rather than left out of the tests:

- One request at a time. DynamoDB and S3 decide a conditional write atomically. Moto looks and writes in two
  steps in as many threads as there are requests, and a refused transaction puts back a copy of the whole
  table, so that it undoes whatever others wrote meanwhile.
- `ClientRequestToken`. DynamoDB answers the same transaction again for ten minutes without doing it again;
  moto does not know the token.

`POST /_palate/answer?text=NAME&times=N&status=STATUS` makes the next N requests that have NAME in their
path or body be served and then answered with this status and the body of the POST. So an answer is lost
(500), or refused in a way that moto does not know (403, DynamoDB's TransactionConflictException).
"""

import io
import json
import sys
import threading
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

TRANSACTION = "DynamoDB_20120810.TransactWriteItems"


class Serial:
    """Serves requests one after the other."""

    def __init__(self, app):
        self.app = app
        self.lock = threading.Lock()
        self.done = {}  # ClientRequestToken: answer
        self.instead = {}  # text: [times, status, answer]

    def __call__(self, environ, start_response):
        # Read before the lock is taken: a slow sender holds up nobody.
        body = b""
        if environ.get("CONTENT_LENGTH"):
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(body)
        with self.lock:
            status, headers, answer = self.serve(environ, body)
        start_response(status, headers)
        return [answer]

    def serve(self, environ, body):
        if environ["PATH_INFO"] == "/_palate/answer":
            query = parse_qs(environ["QUERY_STRING"])
            self.instead[query["text"][0]] = [int(query["times"][0]), query["status"][0] + " Told", body]
            return "200 OK", [], b""
        token = None
        if environ.get("HTTP_X_AMZ_TARGET") == TRANSACTION:
            token = json.loads(body).get("ClientRequestToken")
        served = self.done.get(token) or self.run(environ)
        if token and served[0].startswith("200"):
            self.done[token] = served
        for text, told in self.instead.items():
            if told[0] and (text in environ["PATH_INFO"] or text.encode() in body):
                told[0] -= 1
                return told[1], [], told[2]
        return served

    def run(self, environ):
        begun = []

        def start_response(status, headers, exc_info=None):
            begun[:] = [status, headers]

        chunks = self.app(environ, start_response)
        try:
            answer = b"".join(chunks)
        finally:
            getattr(chunks, "close", lambda: None)()
        return begun[0], begun[1], answer


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    app = Serial(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=MotoRequestHandler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
