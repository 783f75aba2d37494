#!/usr/bin/env python3
"""The sequence recipes on ml-1m: how fast they learn beside PyTorch, and how well they tell what comes next.

    cargo build --release -p palate-recipes --example fit
    .venv-bench/bin/pip install torch==2.15.0
    .venv-bench/bin/python tests/bench/sequence.py --data DATA --eval EVAL --fit target/release/examples/fit

`--data` holds `ml-1m/interactions.csv.gz` in Personalize form, `--eval` holds `split.py` and `score.py`. Prints tables
in Markdown.

- **Speed**, `--only speed`: targets a second. The peer is the network of `aws-user-personalization-v2` written in
  PyTorch: 128 columns, two gated blocks of four heads with biases by distance and by time, dropout, the softmax over all
  items, Adam, single precision, two threads, about 2048 targets a step. PyTorch pads; its batches hold sequences of
  about one length, and padding is not counted. Ours is the time of an epoch without a look at the validation part.
- **Accuracy**, `--only accuracy`: items with five events or more; leave one out: the last event of a user is to be
  found among all items, the one before it is read and not learned from. 840 seconds a training at most. Seen items
  are dropped by `score.py`.
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("RAYON_NUM_THREADS", "2")

import numpy as np
import pandas as pd

LEAST_EVENTS = 5
MAX_LENGTH, COLUMNS, HEADS, BLOCKS, TIMES, DROPOUT, TOKENS = 200, 128, 4, 2, 32, 0.1, 2048
RECIPES = ["palate-transitions", "aws-hrnn", "aws-user-personalization-v2"]


def split(data, folder, evaluation):
    """The split's folder."""
    frame = pd.read_csv(data / "ml-1m" / "interactions.csv.gz", dtype=str)
    frame = frame[frame["ITEM_ID"].map(frame["ITEM_ID"].value_counts()) >= LEAST_EVENTS]
    frame.to_csv(folder / "all.csv.gz", index=False)
    command = [sys.executable, evaluation / "split.py", folder / "all.csv.gz", folder / "loo", "--protocol", "loo"]
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    return folder / "loo"


def epochs_of(fit, recipe, history, n_epochs):
    """Targets, and seconds from the end of each epoch to that of the next, until so many are done."""
    command = [str(fit), recipe, str(history), os.devnull]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        targets, ends = 0, {}
        for line in running.stderr:
            if found := re.search(r"learning from (\d+) events", line):
                targets = int(found[1])
            if found := re.search(r"epoch (\d+): loss", line):
                ends[int(found[1])] = time.monotonic()
                if len(ends) > n_epochs:
                    running.kill()
                    break
    return targets, {epoch: end - ends[epoch - 1] for epoch, end in ends.items() if epoch - 1 in ends}


def torch_targets_a_second(history, n_steps=60, n_unmeasured=5):
    """Of the same network, batches and softmax in PyTorch."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(2)
    torch.manual_seed(0)
    frame = pd.read_csv(history).sort_values(["USER_ID", "TIMESTAMP"], kind="stable")
    items, ids = pd.factorize(frame["ITEM_ID"])
    n_items = len(ids)

    class Norm(nn.Module):
        def __init__(self, columns):
            super().__init__()
            self.gain = nn.Parameter(torch.ones(columns))

        def forward(self, x):
            return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * self.gain

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.inner_norm = Norm(COLUMNS), Norm(COLUMNS)
            self.inner, self.outer = nn.Linear(COLUMNS, 4 * COLUMNS, False), nn.Linear(COLUMNS, COLUMNS, False)
            self.place = nn.Parameter(torch.zeros(HEADS, MAX_LENGTH))
            self.time = nn.Parameter(torch.zeros(HEADS, TIMES))
            self.dropout = nn.Dropout(DROPOUT)

        def forward(self, x, distances, times, mask):
            n, length, _ = x.shape
            u, v, q, k = functional.silu(self.inner(self.norm(x))).split(COLUMNS, -1)
            q, k, v = (part.view(n, length, HEADS, -1).transpose(1, 2) for part in (q, k, v))
            scores = q @ k.transpose(-1, -2) / math.sqrt(COLUMNS // HEADS)
            scores = scores + self.place[:, distances] + self.time[:, times].transpose(0, 1)
            weights = functional.silu(scores) * mask / MAX_LENGTH
            y = (weights @ v).transpose(1, 2).reshape(n, length, COLUMNS)
            return x + self.dropout(self.outer(self.inner_norm(y) * u))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(torch.randn(n_items + 1, COLUMNS) * 0.02)
            self.pause = nn.Parameter(torch.randn(TIMES, COLUMNS) * 0.02)
            self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
            self.norm, self.dropout = Norm(COLUMNS), nn.Dropout(DROPOUT)

        def forward(self, inputs, seconds, real):
            length = inputs.shape[1]
            bucket = lambda delta: torch.log2(delta.clamp(min=0).double() + 1).ceil().long().clamp(max=TIMES - 1)
            x = self.table[inputs] * math.sqrt(COLUMNS) + self.pause[bucket(seconds.diff(dim=1, prepend=seconds[:, :1]))]
            x = self.dropout(x)
            place = torch.arange(length)
            distances = (place[:, None] - place[None, :]).clamp(min=0)
            mask = (place[:, None] >= place[None, :]).float()
            times = bucket(seconds[:, :, None] - seconds[:, None, :])
            for block in self.blocks:
                x = block(x, distances, times, mask)
            return self.norm(x[real]) @ self.table[:n_items].T

    sequences = []
    for rows in np.split(np.arange(len(frame)), np.flatnonzero(np.diff(pd.factorize(frame["USER_ID"])[0])) + 1):
        sequences += [rows[begin:begin + MAX_LENGTH] for begin in range(0, len(rows), MAX_LENGTH)]
    sequences.sort(key=len)
    batches, batch = [], []
    for rows in sequences:
        if batch and (len(batch) + 1) * len(rows) > TOKENS * 1.05:
            batches.append(batch)
            batch = []
        batch.append(rows)
    order = np.random.default_rng(0).permutation(len(batches))[:n_steps + n_unmeasured]
    seconds = frame["TIMESTAMP"].to_numpy()
    network = Network()
    adam = torch.optim.Adam(network.parameters(), lr=5e-3, betas=(0.9, 0.98))
    counted, begin = 0, 0.0
    for step, number in enumerate(order):
        if step == n_unmeasured:
            counted, begin = 0, time.monotonic()
        length = max(map(len, batches[number]))
        targets = torch.full((len(batches[number]), length), -1)
        inputs, times = torch.full_like(targets, n_items), torch.zeros_like(targets)
        for row, rows in enumerate(batches[number]):
            targets[row, :len(rows)] = torch.from_numpy(items[rows])
            inputs[row, 1:len(rows)] = torch.from_numpy(items[rows[:-1]])
            times[row, :len(rows)] = torch.from_numpy(seconds[np.concatenate([rows[:1], rows[:-1]])])
        real = targets >= 0
        loss = functional.cross_entropy(network(inputs, times, real), targets[real])
        adam.zero_grad()
        loss.backward()
        adam.step()
        counted += int(real.sum())
    return counted / (time.monotonic() - begin)


def speed(folder, fit):
    peer = torch_targets_a_second(folder / "train.csv")
    targets, seconds = epochs_of(fit, "aws-user-personalization-v2", folder / "train.csv", 4)
    # The network is looked at after every other epoch.
    ours = targets / seconds[3]
    again = torch_targets_a_second(folder / "train.csv")
    peer = max(peer, again)
    print("| aws-user-personalization-v2, ml-1m, two threads | targets a second |\n|---|---:|")
    print(f"| PyTorch | {peer:,.0f} |\n| Palate | {ours:,.0f} |\n| times PyTorch | {ours / peer:.1f} |\n", flush=True)


def accuracy(folder, fit, evaluation, recipes):
    print("| recipe | HR@10 | NDCG@10 | ± | epochs | training with evaluation, s |\n|---|---:|---:|---:|---:|---:|")
    for recipe in recipes:
        answers = folder / f"{recipe}.jsonl"
        command = [fit, recipe, folder / "train.csv", answers, f"ask={folder / 'history.csv'}", "k=300", "budget_s=840"]
        told = subprocess.run(list(map(str, command)), check=True, stderr=subprocess.PIPE, text=True).stderr
        took = float(re.search(r"trained in ([0-9.]+)s", told)[1])
        before = told.split("learning-from-everything")[0].split("evaluating")[0]
        epochs = max(map(int, re.findall(r"epoch (\d+):", before)), default=0)
        history = folder / "history.csv"
        command = [sys.executable, evaluation / "score.py", folder / "truth.jsonl", answers,
                   "--catalog", history, "--exclude-seen", history]
        scored = json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout)
        means, errors = scored["metrics"], scored["standard_errors"]
        print(f"| {recipe} | {means['hr@10']:.4f} | {means['ndcg@10']:.4f} | {errors['ndcg@10']:.4f} "
              f"| {epochs or ''} | {took:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--eval", type=Path, required=True)
    parser.add_argument("--fit", type=Path, required=True)
    parser.add_argument("--only", choices=["speed", "accuracy"])
    parser.add_argument("--recipes", nargs="*", default=RECIPES)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = split(arguments.data, Path(folder), arguments.eval)
        if arguments.only != "accuracy":
            speed(folder, arguments.fit)
        if arguments.only != "speed":
            accuracy(folder, arguments.fit, arguments.eval, arguments.recipes)


if __name__ == "__main__":
    main()
