#!/usr/bin/env python3
"""palate-session-knn beside VMIS-kNN written from its paper, on the same sessions with the same parameters.

    python3 split.py online-retail/interactions.csv.gz sessions/ --protocol session-last \
        --session-column INVOICE --every-position
    cargo build --release -p palate-recipes --example fit
    python3 session_knn.py --sessions sessions/ --fit target/release/examples/fit

A user of these files is a session. Both learn from `train.csv` and answer for every beginning of a session in
`history.csv` with 21 items, of which the item asked with last is taken out, as VMIS-kNN does, and 20 judged by
`truth.jsonl`. Prints a table in Markdown; exits 1 if `palate-session-knn`'s recall@20 or MRR@20 is below the
reference's or it answers fewer than 5,000 queries a second on one core.

The reference is algorithm 1 of Kersbergen, Sprangers and Schelter (2022), "Serenade: Low-Latency Session-Based
Recommendation in e-Commerce at Scale", with linear decay of positions, `1 - 0.1 · position` for the newest match
and the logarithm for rare items, as in the paper's evaluation.
"""

import argparse
import csv
import heapq
import json
import math
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

M, K, N_EVENTS, N_RESULTS = 1000, 100, 7, 20


def read_sessions(path):
    """Items of each session by time, and its end."""
    events = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            events.setdefault(row["USER_ID"], []).append((int(row["TIMESTAMP"]), row["ITEM_ID"]))
    for session in events.values():
        session.sort(key=lambda event: event[0])
    return {name: ([item for _, item in session], session[-1][0]) for name, session in events.items()}


class VmisKnn:
    """The index: the M most recent sessions of each item, the most recent first."""

    def __init__(self, sessions):
        # In the order of their ends, ties in the order of their names, which is the order of rows in a dataset.
        ordered = sorted(sessions.items(), key=lambda entry: (entry[1][1], entry[0]))
        self.items = [list(dict.fromkeys(items)) for _, (items, _) in ordered]
        self.sets = [set(items) for items in self.items]
        self.end = list(range(len(ordered)))
        holding = {}
        for session, items in enumerate(self.items):
            for item in items:
                holding.setdefault(item, []).append(session)
        self.recent = {item: sessions[::-1][:M] for item, sessions in holding.items()}
        self.idf = {item: math.log(len(self.items) / len(sessions)) for item, sessions in holding.items()}

    def neighbours(self, session):
        """The K most similar of the M most recent sessions that share an item."""
        similarity, oldest, seen = {}, [], set()
        n_items = len(set(session))
        for place, item in enumerate(reversed(session)):
            if item in seen:
                continue
            seen.add(item)
            decay = (len(session) - place) / n_items
            for other in self.recent.get(item, ()):
                if other in similarity:
                    similarity[other] += decay
                elif len(similarity) < M:
                    similarity[other] = decay
                    heapq.heappush(oldest, (self.end[other], other))
                elif self.end[other] > oldest[0][0]:
                    _, out = heapq.heapreplace(oldest, (self.end[other], other))
                    del similarity[out]
                    similarity[other] = decay
                else:
                    break
        return heapq.nlargest(K, similarity.items(), key=lambda entry: (entry[1], self.end[entry[0]]))

    def recommend(self, session):
        """The best items but for the newest of the session."""
        session = session[-N_EVENTS:]
        scores = Counter()
        for other, similarity in self.neighbours(session):
            first = next(place for place, item in enumerate(reversed(session)) if item in self.sets[other])
            weight = (1 - 0.1 * (first + 1)) * similarity
            for item in self.items[other]:
                scores[item] += weight * self.idf[item]
        scores.pop(session[-1], None)
        return [item for item, _ in heapq.nsmallest(N_RESULTS, scores.items(), key=lambda entry: (-entry[1], entry[0]))]


def judge(lists, truth):
    """recall@20 and MRR@20 with the standard errors of their means."""
    gains = []
    for name, item in truth.items():
        found = lists.get(name, [])[:N_RESULTS]
        gains.append((1.0, 1.0 / (1 + found.index(item))) if item in found else (0.0, 0.0))
    means = [sum(gain[which] for gain in gains) / len(gains) for which in (0, 1)]
    variances = [sum((gain[which] - means[which]) ** 2 for gain in gains) / len(gains) for which in (0, 1)]
    return means, [math.sqrt(variance / len(gains)) for variance in variances]


def own_lists(fit, folder, asked, settings):
    """Lists of palate-session-knn, its queries a second and its hyperparameters."""
    with tempfile.TemporaryDirectory() as output:
        answers, history = Path(output) / "answers.jsonl", Path(output) / "history.csv"
        with history.open("w", encoding="utf-8", newline="") as lines:
            rows = csv.writer(lines, lineterminator="\n")
            rows.writerow(["USER_ID", "ITEM_ID", "TIMESTAMP"])
            rows.writerows([name, item, end] for name, (items, end) in asked.items() for item in items)
        done = subprocess.run([fit, "palate-session-knn", folder / "train.csv", answers, f"ask={history}",
                               f"k={N_RESULTS + 1}", *settings], capture_output=True, text=True, check=True)
        lists = {}
        for line in answers.read_text().splitlines():
            answer = json.loads(line)
            name = answer["input"]["userId"]
            items = answer["output"]["recommendedItems"]
            lists[name] = [item for item in items if item != asked[name][0][-1]][:N_RESULTS]
    log = done.stderr.splitlines()
    rate = next(float(line.split()[0]) for line in log if "queries a second" in line)
    trained = next(line for line in log if line.startswith("trained in"))
    return lists, rate, trained


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=Path, required=True, help="folder that split.py wrote")
    parser.add_argument("--every", type=int, default=1, help="ask only each n-th query alone")
    parser.add_argument("--fit", type=Path, required=True, help="the example `fit` of the release build")
    arguments = parser.parse_args()
    arguments.fit = arguments.fit.resolve()
    asked = read_sessions(arguments.sessions / "history.csv")
    truth = {}
    for line in (arguments.sessions / "truth.jsonl").read_text().splitlines():
        entry = json.loads(line)
        truth[entry["userId"]] = entry["items"][0]

    kept = sorted(truth)[::arguments.every]
    truth, asked = {name: truth[name] for name in kept}, {name: asked[name] for name in kept}

    reference = VmisKnn(read_sessions(arguments.sessions / "train.csv"))
    begin = time.perf_counter()
    lists = {name: reference.recommend(items) for name, (items, _) in asked.items()}
    rate = len(lists) / (time.perf_counter() - begin)
    rows = [("VMIS-kNN in Python", *judge(lists, truth), rate)]
    # A user of these files is a session.
    same = ["session_gap_minutes=0", "seen_weight=1", f"sessions_per_item={M}", f"neighbours={K}",
            f"query_length={N_EVENTS}"]
    plain = ["half_life=0", "length_power=0", "fade_days=0", "spread=0", "idf_power=1"]
    for name, settings in (("palate-session-knn without decays", same + plain), ("palate-session-knn", same)):
        lists, rate, trained = own_lists(arguments.fit, arguments.sessions, asked, settings)
        rows.append((name, *judge(lists, truth), rate))
        print(f"{name}: {trained}", file=sys.stderr)
    print(f"{len(truth)} queries\n")
    print("| method | recall@20 | ± | MRR@20 | ± | queries a second, one core |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, (recall, rank), (recall_error, rank_error), rate in rows:
        print(f"| {name} | {recall:.4f} | {recall_error:.4f} | {rank:.4f} | {rank_error:.4f} | {rate:,.0f} |")
    (_, wanted, *_), *_, (_, reached, _, rate) = rows
    sys.exit(reached[0] < wanted[0] or reached[1] < wanted[1] or rate < 5000)


if __name__ == "__main__":
    main()
