"""Interactions made up from a seed: users of very different activity, items after Zipf, in the order of time.

The same seed and number of rows give the same bytes, whatever the machine.
"""
import numpy as np
import polars as pl

HEADER = ["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"]
SCHEMA = {"type": "record", "name": "Interactions", "namespace": "com.amazonaws.personalize.schema", "version": "1.0",
          "fields": [{"name": name, "type": "long" if name == "TIMESTAMP" else "string"} for name in HEADER]}
EVENT_TYPES = ["view", "click", "add-to-cart", "purchase"]
PIECE = 1_000_000
START_S, END_S = 1_600_000_000, 1_760_000_000


def frames(rows, seed, users=1_000_000, items=100_000):
    """The rows as data frames of a million each, so that any number of them fits in memory."""
    rng = np.random.default_rng(seed)
    # Activity is log-normal over users, popularity falls as a power of the rank; ranks are dealt out at random.
    activity = np.cumsum(rng.lognormal(0.0, 1.0, users))
    popularity = np.cumsum(1.0 / np.arange(1, items + 1))
    user_names = pl.Series([f"user{number:07d}" for number in rng.permutation(users)])
    item_names = pl.Series([f"item{number:06d}" for number in rng.permutation(items)])
    event_names = pl.Series(EVENT_TYPES)
    for begin in range(0, rows, PIECE):
        n = min(PIECE, rows - begin)
        user = np.searchsorted(activity, rng.random(n) * activity[-1])
        item = np.searchsorted(popularity, rng.random(n) * popularity[-1])
        event = rng.choice(len(EVENT_TYPES), n, p=[0.8, 0.12, 0.05, 0.03])
        span = (END_S - START_S) / rows
        times = START_S + np.sort(begin + rng.random(n) * n) * span
        yield pl.DataFrame({"USER_ID": user_names.gather(user), "ITEM_ID": item_names.gather(item),
                            "TIMESTAMP": times.astype(np.int64), "EVENT_TYPE": event_names.gather(event)})


def write_csv(path, rows, seed):
    with open(path, "wb") as file:
        for number, frame in enumerate(frames(rows, seed)):
            frame.write_csv(file, include_header=number == 0)
