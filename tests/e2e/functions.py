#!/usr/bin/env python3
"""The functions under `cargo lambda watch`, with everything around them.

As a program it runs a command against them and takes everything down again:

    python tests/e2e/functions.py --store aws -- python my_program.py --with arguments
"""

import contextlib
import json
import os
import sys
from pathlib import Path

import boto3

import command_line
import s3
from forwarder import Forwarder
from processes import Process, free_port, moto
from wait_for import wait_for

ROOT = Path(__file__).resolve().parents[2]
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "palate", "AWS_SECRET_ACCESS_KEY": "palate", "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}


def bin_dir():
    """Where the binaries are: $PALATE_BIN_DIR, else those of a release build."""
    return Path(os.environ.get("PALATE_BIN_DIR", ROOT / "target" / "release")).resolve()


def create_stores(url, table="palate", bucket="palate-blobs"):
    """The table and the bucket, as template.yaml makes them; returns what tells Palate of them."""
    options = {"endpoint_url": url, "region_name": "us-east-1", "aws_access_key_id": "palate", "aws_secret_access_key": "palate"}
    boto3.client("s3", **options).create_bucket(Bucket=bucket)
    dynamodb = boto3.client("dynamodb", **options)
    dynamodb.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}])
    dynamodb.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"AttributeName": "expires", "Enabled": True})
    return {"PALATE_STORE": "aws", "PALATE_TABLE": table, "PALATE_BUCKET": bucket,
            "AWS_ENDPOINT_URL_S3": url, "AWS_ENDPOINT_URL_DYNAMODB": url}


class Functions:
    """`url` answers for all three services and S3 (`s3_url`). `close()` ends it all."""

    def __init__(self, folder, store, schedule_s=2):
        self.folder = Path(folder)
        self.stack = contextlib.ExitStack()
        self.port = free_port()
        if store == "aws":
            process, url = moto(folder)
            self.stack.callback(process.stop)
            objects, self.env = s3.Moto(url), create_stores(url)
        else:
            data = self.folder / "data"
            objects, self.env = s3.Folder(data), {"PALATE_STORE": "embedded", "PALATE_DATA": str(data)}
        self.forwarder = Forwarder(("127.0.0.1", self.port), objects, schedule_s)
        self.stack.callback(self.forwarder.close)
        self.url = self.s3_url = self.forwarder.url
        self.env |= {**CREDENTIALS, "PALATE_AUTH": "off", "AWS_ENDPOINT_URL_LAMBDA": self.url, "PALATE_BIN_DIR": str(bin_dir()),
                     "CARGO": str(Path(__file__).with_name("prebuilt-cargo"))}
        self.watch = None
        self.start()

    def start(self):
        """Starts cargo-lambda, which starts a function at its first invocation."""
        self.watch = Process(
            [Path(sys.executable).with_name("cargo-lambda"), "lambda", "watch", "--ignore-changes", "--concurrency", "2",
             "--invoke-address", "127.0.0.1", "--invoke-port", self.port, "--manifest-path", "functions/Cargo.toml"],
            self.folder / "functions.log", self.env, ROOT)
        wait_for(f"http://127.0.0.1:{self.port}/", self.watch.alive)

    def kill(self, name=None):
        """`kill -9` of a function's processes, or of everything."""
        return self.watch.kill(name)

    def restart(self):
        self.watch.kill()
        self.start()

    def close(self):
        if self.watch:
            self.watch.stop()
        self.stack.close()

    @property
    def dead_letters(self):
        return self.forwarder.dead_letters

    def log(self):
        dead = "".join(f"dead letter: {json.dumps(letter)}\n" for letter in self.dead_letters)
        return self.watch.output() + dead


if __name__ == "__main__":
    sys.exit(command_line.run(Functions, CREDENTIALS, __doc__))
