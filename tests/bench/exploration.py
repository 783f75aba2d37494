#!/usr/bin/env python3
"""What exploration buys and costs: a simulated shop that asks a campaign of aws-user-personalization what to show.

    cargo build --release -p palate
    .venv-bench/bin/python tests/bench/exploration.py [--weights 0 0.3 1] [--rounds 10] [--lists 1500]

2,000 users each prefer one of five kinds of 1,500 items. An item has an appeal of its own: with that probability it is
chosen when it is shown to somebody who prefers its kind, with a fifth of it otherwise, and once by each user, as films are
watched. The model learns from what users chose among random items. Then 300 items are put that nobody was shown, and there
are some rounds: in each, random users ask the campaign for five items, what is chosen is put as an event that names the
recommendation, and at its end the model is brought up to date (trainingMode UPDATE) and the campaign with it, as automatic
updates do every two hours. Regret is how much more often the five best items that each user has not had would have been
chosen. All weights begin with the same data and draw from the same seed. A palate of its own for each; everything goes
through the API. Prints a table in Markdown.
"""
import argparse
import csv
import heapq
import io
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import boto3

from server import datasets, imported, served, settled, trained

BIN = Path(os.environ.get("PALATE_BIN_DIR", Path(__file__).resolve().parents[2] / "target" / "release"))
N_USERS, N_KINDS, N_OLD, N_NEW, N_SHOWN = 2000, 5, 1500, 300, 5
DAY_S, VISIT_S = 86_400, 60
VISITS_BEFORE = 40 * N_USERS


class Shop:
    """What is true of the shop, its clock, and what was expected and missed so far."""

    def __init__(self, rounds, lists):
        self.rng = random.Random(1)
        # Most items are dull, a few are not; new ones are like the old ones.
        self.appeal = [0.02 + 0.5 * self.rng.random() ** 4 for _ in range(N_OLD + N_NEW)]
        self.now_s = int(time.time()) - (VISITS_BEFORE + rounds * lists) * VISIT_S
        self.begun_s = self.now_s
        self.had = [set() for _ in range(N_USERS)]

    def chance(self, user, item):
        if item in self.had[user]:
            return 0
        return self.appeal[item] * (1 if user % N_KINDS == item % N_KINDS else 0.2)

    def best(self, user):
        """The expected choices of the best list."""
        return sum(heapq.nlargest(N_SHOWN, (self.chance(user, item) for item in range(N_OLD + N_NEW))))

    def show(self, user, items):
        """Which of the items are chosen."""
        self.now_s += VISIT_S
        chosen = [item for item in items if self.rng.random() < self.chance(user, item)]
        self.had[user].update(chosen)
        return chosen

    def opened(self):
        """Interactions and items before there were new ones, as CSV."""
        interactions, items = io.StringIO(), io.StringIO()
        rows = csv.writer(interactions)
        rows.writerow(["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "IMPRESSION"])
        for visit in range(VISITS_BEFORE):
            shown = self.rng.sample(range(N_OLD), N_SHOWN)
            for item in self.show(visit % N_USERS, shown):
                rows.writerow([f"u{visit % N_USERS}", f"i{item}", self.now_s, "choice", "|".join(f"i{one}" for one in shown)])
        rows = csv.writer(items)
        rows.writerow(["ITEM_ID", "KIND", "CREATION_TIMESTAMP"])
        rows.writerows([f"i{item}", f"kind {item % N_KINDS}", self.begun_s - 200 * DAY_S] for item in range(N_OLD))
        return {kind: text.getvalue().encode() for kind, text in (("Interactions", interactions), ("Items", items))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=float, nargs="+", default=[0, 0.3, 1])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--lists", type=int, default=1500, help="of a round")
    options = parser.parse_args()
    print("| explorationWeight | chosen of 100 shown | regret a list | new items among the shown | chosen of 100 in the last round |")
    print("|---:|---:|---:|---:|---:|")
    for weight in options.weights:
        with tempfile.TemporaryDirectory() as folder, served(BIN / "palate", folder):
            run(weight, options)


def run(weight, options):
    personalize, runtime, events = (boto3.client(name) for name in ("personalize", "personalize-runtime", "personalize-events"))
    shop = Shop(options.rounds, options.lists)
    group = personalize.create_dataset_group(name="shop")["datasetGroupArn"]
    arns = datasets(personalize, group, shop.opened())
    imported(personalize, arns)
    tracker = personalize.create_event_tracker(name="shop", datasetGroupArn=group)["trackingId"]
    solution = personalize.create_solution(
        name="shop", datasetGroupArn=group, performAutoTraining=False,
        recipeArn="arn:aws:personalize:::recipe/aws-user-personalization",
        solutionConfig={"algorithmHyperParameters": {"hidden_dimension": "32"}})["solutionArn"]
    version = trained(personalize, solution)
    config = {"itemExplorationConfig": {"explorationWeight": f"{weight:g}", "explorationItemAgeCutOff": "30"}}
    campaign = personalize.create_campaign(name="shop", solutionVersionArn=version, minProvisionedTPS=1,
                                           campaignConfig=config)["campaignArn"]
    settled(lambda: personalize.describe_campaign(campaignArn=campaign)["campaign"])
    new = [{"itemId": f"i{item}", "properties": json.dumps({"kind": f"kind {item % N_KINDS}", "creationTimestamp": shop.now_s})}
           for item in range(N_OLD, N_OLD + N_NEW)]
    for begin in range(0, N_NEW, 10):
        events.put_items(datasetArn=arns["Items"], items=new[begin:begin + 10])
    expected, regret, n_new = [], 0, 0
    for round_ in range(options.rounds):
        version = trained(personalize, solution, trainingMode="UPDATE")
        personalize.update_campaign(campaignArn=campaign, solutionVersionArn=version, campaignConfig=config)
        while "latestCampaignUpdate" in (found := personalize.describe_campaign(campaignArn=campaign)["campaign"]) and \
                found["latestCampaignUpdate"]["status"] not in ("ACTIVE", "CREATE FAILED"):
            time.sleep(0.01)
        if found["solutionVersionArn"] != version:
            sys.exit(f"the campaign was not updated: {found}")
        expected.append(0)
        for visit in range(options.lists):
            user = shop.rng.randrange(N_USERS)
            answer = runtime.get_recommendations(campaignArn=campaign, userId=f"u{user}", numResults=N_SHOWN)
            shown = [int(item["itemId"][1:]) for item in answer["itemList"]]
            chance = sum(shop.chance(user, item) for item in shown)
            expected[-1] += chance
            regret += shop.best(user) - chance
            chosen = shop.show(user, shown)
            if chosen:
                events.put_events(trackingId=tracker, userId=f"u{user}", sessionId=f"{round_}-{visit}", eventList=[
                    {"eventType": "choice", "itemId": f"i{item}", "sentAt": shop.now_s,
                     "recommendationId": answer["recommendationId"]} for item in chosen])
            n_new += sum(item >= N_OLD for item in shown)
    lists = options.rounds * options.lists
    print(f"| {weight:g} | {100 * sum(expected) / (lists * N_SHOWN):.2f} | {regret / lists:.3f} | "
          f"{100 * n_new / (lists * N_SHOWN):.1f} % | {100 * expected[-1] / (options.lists * N_SHOWN):.2f} |", flush=True)


if __name__ == "__main__":
    main()
