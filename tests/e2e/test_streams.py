"""What was acknowledged stays: with a DynamoDB that fails, and with a process that is killed."""

import concurrent.futures
from collections import Counter

import pytest

import kill9
import steps
import stored
import streaming
from faulty_dynamo import FAULTS, FaultyDynamo
from local import Local

USERS = 6
CALLS = 12
SEED = 20260102


class Troubled(Local):
    """`palate serve --store aws` with a proxy before its DynamoDB."""

    def __init__(self, folder):
        self.proxy = None
        super().__init__(folder, "aws")

    def start(self):
        if self.proxy is None:
            self.sound_url = self.env["AWS_ENDPOINT_URL_DYNAMODB"]
            self.proxy = FaultyDynamo(self.sound_url, SEED)
            self.env["AWS_ENDPOINT_URL_DYNAMODB"] = self.proxy.url
        super().start()

    def records(self, begins):
        """Those that DynamoDB has, whatever the service says."""
        return stored.of_dynamodb(self.sound_url, self.env["PALATE_TABLE"], begins)

    def close(self):
        super().close()
        self.proxy.close()


@pytest.fixture(scope="module")
def troubled(tmp_path_factory):
    made = Troubled(tmp_path_factory.mktemp("troubled"))
    made.aws = steps.clients(made.url, made.s3_url)
    yield made
    made.close()


def stream(port, tracking_id, user):
    """Puts calls, each until it is acknowledged or has failed three times; returns what became of each."""
    client, outcomes = streaming.Client(port), []
    for n in range(CALLS):
        request = streaming.call(tracking_id, f"{user}-{n}", 3)
        statuses = []
        while 200 not in statuses and len(statuses) < 3:
            statuses.append(client.put(request))
        outcomes.append((request, statuses))
    client.close()
    return outcomes


def test_a_failing_dynamodb_loses_no_acknowledged_event_and_stores_none_twice(troubled):
    _, tracking_id = streaming.tracker(troubled.aws, "troubled")
    troubled.proxy.trouble = 0.4
    with concurrent.futures.ThreadPoolExecutor(USERS) as pool:
        streams = [pool.submit(stream, troubled.port, tracking_id, f"user{user}") for user in range(USERS)]
        outcomes = [outcome for each in streams for outcome in each.result()]
    troubled.proxy.trouble = 0.0
    assert troubled.proxy.met.keys() == {"sound", *FAULTS}, "each kind of fault has been met"
    statuses = Counter(status for _, told in outcomes for status in told)
    assert statuses.keys() <= {200, 500, 503}, statuses
    given_up = [request for request, told in outcomes if 200 not in told]
    acknowledged = [id_ for request, told in outcomes if 200 in told for id_ in streaming.ids(request)]
    assert statuses[200] and statuses.total() > statuses[200], f"some were acknowledged, some failed: {statuses}"
    assert all(told[-1] == 200 for _, told in outcomes if 200 in told)

    found = stored.history(troubled.records("event/"))
    assert not [id_ for id_ in acknowledged if id_ not in found], "an acknowledged event is lost"
    assert set(found.values()) == {1}, "an event is stored twice"
    for request in given_up:
        n = sum(id_ in found for id_ in streaming.ids(request))
        assert n in (0, len(request["eventList"])), "a call is stored in part"
        # Whether it was stored or not, the same call again stores it once.
        streaming.put_until_acknowledged(troubled.port, request)
    everything = [id_ for request, _ in outcomes for id_ in streaming.ids(request)]
    assert stored.history(troubled.records("event/")) == dict.fromkeys(everything, 1)
    assert stored.seen_ids(troubled.records("event-id/")) == len(everything)


def test_what_dynamodb_does_not_answer_is_not_acknowledged_and_stored_once_when_repeated(troubled):
    """Each kind of fault for as long as the service tries: DynamoDB has stored the call or not, by the kind."""
    _, tracking_id = streaming.tracker(troubled.aws, "unanswered")
    client = streaming.Client(troubled.port)
    # What the service reads before it writes has been read.
    assert client.put(streaming.call(tracking_id, "before", 3)) == 200

    def meet(kind):
        request = streaming.call(tracking_id, f"unanswered-{kind.replace(' ', '-')}.", 3)
        with troubled.proxy.always(request["userId"], kind):
            return request, streaming.Client(troubled.port).put(request)

    with concurrent.futures.ThreadPoolExecutor(len(FAULTS)) as pool:
        met = dict(zip(FAULTS, pool.map(meet, FAULTS)))
    found = stored.history(troubled.records("event/"))
    for kind, (_, served, _) in FAULTS.items():
        request, status = met[kind]
        assert status in (500, 503, None), kind
        assert [found[id_] for id_ in streaming.ids(request)] == [int(served)] * 3, kind
    for request, _ in met.values():
        assert [client.put(request), client.put(request)] == [200, 200]
    found = stored.history(troubled.records("event/"))
    assert {found[id_] for request, _ in met.values() for id_ in streaming.ids(request)} == {1}
    client.close()


def test_an_export_has_every_event_of_troubled_streams_once(troubled):
    dataset, tracking_id = streaming.tracker(troubled.aws, "exported")
    requests = [streaming.call(tracking_id, f"exported-{n}", 3) for n in range(20)]
    troubled.proxy.trouble = 0.3
    for request in requests:
        streaming.put_until_acknowledged(troubled.port, request)
    troubled.proxy.trouble = 0.0
    everything = [id_ for request in requests for id_ in streaming.ids(request)]
    assert stored.exported(troubled.aws, dataset, "exported") == dict.fromkeys(everything, 1)


def test_a_killed_process_loses_no_acknowledged_event(tmp_path):
    acknowledged, cut_off, _ = kill9.run(tmp_path, rounds=5, seed=SEED)
    assert acknowledged and cut_off
