#!/usr/bin/env python3
"""`kill -9` at a random moment while events are streamed, again and again on one data folder: every acknowledged
event is there, once.

    PALATE_BIN_DIR=target/release python tests/e2e/kill9.py --rounds 100 --seed 1
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import steps
import stored
import streaming
from local import Local

# A round lasts at most so long after its first acknowledged call.
LONGEST_S = 0.6


def check_round(records, streamers, prefix):
    """Of each call all events are there or none; of an acknowledged one all, and each once."""
    found = stored.history(records)
    assert not (twice := [id_ for id_, n in found.items() if n != 1]), f"{prefix}: more than once: {twice[:5]}"
    lost = [id_ for request in streamers.acknowledged for id_ in streaming.ids(request) if id_ not in found]
    assert not lost, f"{prefix}: {len(lost)} acknowledged events are lost, {lost[:5]} among them"
    for request in streamers.unknown:
        n = sum(id_ in found for id_ in streaming.ids(request))
        assert n in (0, streaming.PER_CALL), f"{prefix}: {n} of a call's {streaming.PER_CALL} events are there"
    known = {id_ for request in streamers.acknowledged + streamers.unknown for id_ in streaming.ids(request)}
    assert found.keys() <= known, f"{prefix}: events that nobody sent"
    return sum(streaming.ids(request)[0] in found for request in streamers.unknown)


def run(folder, rounds, seed, say=lambda line: None):
    """Returns how many calls were acknowledged, and how many were cut off, of those how many had been stored."""
    chance = random.Random(seed)
    local = Local(folder, "embedded")
    data = folder / "data"
    acknowledged = cut_off = stored_though = 0
    try:
        local.aws = steps.clients(local.url, local.s3_url)
        _, tracking_id = streaming.tracker(local.aws, "killed")
        for number in range(rounds):
            prefix = f"round{number:03}"
            streamers = streaming.Streamers(local.port, tracking_id, prefix)
            assert streamers.begun.wait(60), local.log()
            time.sleep(chance.uniform(0, LONGEST_S))  # not to wait for anything: the moment is the experiment
            local.kill()
            streamers.stop()
            assert not streamers.refused, streamers.refused[:1]
            local.start()

            # The users of a round are named after it.
            def of_round(records):
                return [record for record in records if f"/id/{prefix}-" in record[0]]

            stored_though += check_round(of_round(stored.of_sqlite(data, "event/")), streamers, prefix)
            for request in streamers.unknown:
                streaming.put_until_acknowledged(local.port, request)
            everything = [id_ for request in streamers.acknowledged + streamers.unknown for id_ in streaming.ids(request)]
            found = stored.history(of_round(stored.of_sqlite(data, "event/")))
            assert found == dict.fromkeys(everything, 1), f"{prefix}: after the same calls again"
            acknowledged += len(streamers.acknowledged)
            cut_off += len(streamers.unknown)
            say(f"{prefix}: {len(streamers.acknowledged)} calls acknowledged, {len(streamers.unknown)} cut off")
        found = stored.history(stored.of_sqlite(data, "event/"))
        assert set(found.values()) == {1} and len(found) == (acknowledged + cut_off) * streaming.PER_CALL
        assert stored.seen_ids(stored.of_sqlite(data, "event-id/")) == len(found)
        return acknowledged, cut_off, stored_though
    finally:
        local.close()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=100)
    options.add_argument("--seed", type=int, default=1)
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        acknowledged, cut_off, stored_though = run(Path(folder), options.rounds, options.seed, print)
    print(f"{options.rounds} rounds in {time.monotonic() - begun:.0f} s: {acknowledged * streaming.PER_CALL} acknowledged "
          f"events, all there, once; {cut_off} calls cut off, {stored_though} of them stored, all there once when "
          "repeated")


if __name__ == "__main__":
    sys.exit(main())
