"""Streams events from several threads, as a client does that knows what was acknowledged and what was not."""

import http.client
import json
import threading
import time

import steps

PER_CALL = 10
AUTHORIZATION = ("AWS4-HMAC-SHA256 Credential=palate/20260101/us-east-1/personalize/aws4_request, "
                 "SignedHeaders=host, Signature=0")


def tracker(aws, name):
    """A group with an Interactions dataset and an event tracker; returns the dataset's ARN and the tracking id."""
    group = steps.create_group(aws, name)
    dataset = steps.create_dataset(aws, group, "interactions", name)
    made = aws.personalize.create_event_tracker(name=name, datasetGroupArn=group)
    steps.active(lambda: aws.personalize.describe_event_tracker(eventTrackerArn=made["eventTrackerArn"])["eventTracker"])
    return dataset, made["trackingId"]


def call(tracking_id, name, n_events=PER_CALL):
    """A PutEvents request whose events have ids of their own, which are the items' ids too."""
    events = [{"eventId": f"{name}-{n}", "eventType": "watch", "itemId": f"{name}-{n}", "sentAt": 1_700_000_000 + n}
              for n in range(n_events)]
    return {"trackingId": tracking_id, "userId": name, "sessionId": name, "eventList": events}


def ids(request):
    return [event["eventId"] for event in request["eventList"]]


class Client:
    """One connection, kept. `put` tells whether the request was acknowledged; anything but a 200 is not."""

    def __init__(self, port, timeout_s=30):
        self.port, self.timeout_s, self.connection = port, timeout_s, None

    def put(self, request):
        """The status, or `None` if no answer came: what became of the request is unknown then."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout_s)
        try:
            self.connection.request("POST", "/events", json.dumps(request).encode(),
                                    {"content-type": "application/json", "authorization": AUTHORIZATION})
            answer = self.connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            self.close()
            return None

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Streamers:
    """Threads that put one call after the other until `stop()` or the first call without an answer.

    `acknowledged` and `unknown` are requests; both may be read after `stop()`.
    """

    def __init__(self, port, tracking_id, name, n_threads=6):
        self.stopping = threading.Event()
        self.begun = threading.Event()
        self.acknowledged, self.unknown, self.refused = [], [], []
        self.threads = [threading.Thread(target=self.stream, args=[port, tracking_id, f"{name}-{n}"])
                        for n in range(n_threads)]
        for thread in self.threads:
            thread.start()

    def stream(self, port, tracking_id, name):
        client = Client(port)
        for n in range(1_000_000):
            if self.stopping.is_set():
                break
            request = call(tracking_id, f"{name}-{n}")
            status = client.put(request)
            if status == 200:
                self.acknowledged.append(request)
                self.begun.set()
            elif status is None:
                self.unknown.append(request)
                break
            else:
                self.refused.append((status, request))
                break
        client.close()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def put_until_acknowledged(port, request, limit_s=60):
    """As a client does whose request went unanswered: the same events again, by the same ids."""
    client, end = Client(port), time.monotonic() + limit_s
    while (status := client.put(request)) != 200:
        assert time.monotonic() < end, f"not acknowledged within {limit_s} s, the last status is {status}"
    client.close()
