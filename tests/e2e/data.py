"""A small dataset with structure that recommenders find: items come in series, and people walk along one."""

import csv
import io
import random

N_SERIES = 20
SERIES_LENGTH = 25


def item(series, position):
    return f"item-{series:02}-{position:02}"


def dataset(n_users=300, n_events=20, seed=7):
    """Tables as lists of rows, the header first: interactions, items, users.

    Each user walks along one or two series, item after item, with a stray item now and then. So what follows an
    item, what goes with it, and that users differ are all known. The first series is the most walked.
    """
    random_ = random.Random(seed)
    interactions = [["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"]]
    users = [["USER_ID", "AGE", "CITY"]]
    for user in range(n_users):
        users.append([f"user-{user:05}", 18 + user % 60, random_.choice(["Köln", "Lyon", "Gent"])])
        series = min(int(random_.expovariate(0.15)), N_SERIES - 1)
        position = random_.randrange(SERIES_LENGTH)
        time = 1_700_000_000 + random_.randrange(1_000_000)
        for _ in range(n_events):
            stray = random_.random() < 0.1
            name = item(random_.randrange(N_SERIES), random_.randrange(SERIES_LENGTH)) if stray else item(series, position)
            interactions.append([f"user-{user:05}", name, time, "watch"])
            position = (position + 1) % SERIES_LENGTH
            time += random_.randrange(10, 1000)
    items = [["ITEM_ID", "GENRE", "PRICE"]]
    items += [[item(s, p), f"genre-{s % 5}", round(1 + p / 2, 2)] for s in range(N_SERIES) for p in range(SERIES_LENGTH)]
    return {"interactions": interactions, "items": items, "users": users}


def as_csv(rows):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()
