#!/usr/bin/env python3
"""Is Palate's API Amazon Personalize's, to the letter of the wire?

    PALATE_BIN_DIR=target/debug python tests/e2e/conformance.py

The service models in the installed botocore say what there is; nothing here repeats them. For each operation this makes the
calls that a user would, checks every response as it came over the wire, breaks every modelled constraint once, provokes the
modelled exceptions, pages through the lists while others come and go, and prints a table. The exit status is 0 only if every
operation passes. What cannot be brought about is in conform/reasons.py, is printed, and is checked to be true.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from conform import constraints, custom, domain, ending, limits, paging, refusals
from conform.ledger import Ledger
from conform.model import OPERATIONS
from conform.reasons import UNANSWERED, UNPROVOKED
from conform.server import Server
from conform.wire import Palate
from conform.world import World

MANUAL = "--no-auto-training"


def with_amazons_quotas(server, ledger):
    """Everything but the paging, on one folder of data."""
    palate = Palate(server.url, ledger)
    constraints.run(palate, ledger)
    world = World(palate, "conformance")
    world.run([*custom.STEPS, *domain.STEPS, *refusals.STEPS, *limits.STEPS])
    server.restart(MANUAL, *limits.NO_JOBS)
    again = World(Palate(server.url, ledger), world.bucket)
    again.arns = world.arns
    again.run([limits.pending, *ending.STEPS])


def with_raised_quotas(server, ledger):
    World(Palate(server.url, ledger), "paging").run(paging.STEPS)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=12, help="differences to print for each operation [default: 12]")
    args = parser.parse_args()
    ledger = Ledger(UNPROVOKED, UNANSWERED)
    with tempfile.TemporaryDirectory(prefix="palate-conformance-") as folder:
        for name, part, options in (("amazon", with_amazons_quotas, []), ("raised", with_raised_quotas, paging.RAISED)):
            begun = time.monotonic()
            server = Server(Path(folder) / name, MANUAL, *options)
            try:
                part(server, ledger)
            except Exception as error:
                ledger.problem("", f"{part.__name__} ended with {error!r}; the server's last words: {server.log()[-2000:]}")
            finally:
                server.close()
            print(f"{part.__name__.replace('_', ' ')}: {time.monotonic() - begun:.0f} s", flush=True)
    ledger.close()
    print(ledger.table())
    if differences := ledger.differences(args.most):
        print("\nDifferences:", *differences, sep="\n  ")
    print(f"\n{ledger.passed()} of {len(OPERATIONS)} pass")
    return 0 if ledger.passed() == len(OPERATIONS) and not ledger.problems else 1


if __name__ == "__main__":
    sys.exit(main())
