"""Runs a command against an installation that is there only for it."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def run(make, credentials, description):
    """`make(folder, store)` makes the installation; returns the command's exit status."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=["embedded", "aws"], default="embedded")
    parser.add_argument("--log", type=Path, help="keep the output of the installation in this file")
    parser.add_argument("command", nargs="+", help="after --")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="palate-e2e-") as folder:
        installation = make(folder, args.store)
        endpoints = {"AWS_ENDPOINT_URL": installation.url, "AWS_ENDPOINT_URL_S3": installation.s3_url}
        try:
            return subprocess.run(args.command, env={**os.environ, **credentials, **endpoints}, check=False).returncode
        finally:
            installation.close()
            if args.log:
                args.log.write_text(installation.log())
            for letter in getattr(installation, "dead_letters", []):
                print("dead letter:", json.dumps(letter), file=sys.stderr)
