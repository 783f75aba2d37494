#!/usr/bin/env python3
"""`palate serve`, with either store.

As a program it runs a command against it and takes everything down again:

    python tests/e2e/local.py --store aws -- python my_program.py --with arguments
"""

import json
import sys
import urllib.request
from pathlib import Path

import command_line
import s3
from forwarder import Forwarder, FunctionError

from functions import CREDENTIALS, bin_dir, create_stores
from processes import Process, free_port, moto
from wait_for import wait_for


class Webhook(Forwarder):
    """An S3 elsewhere that tells `palate serve --store aws` of new objects, as MinIO does."""

    def __init__(self, objects, palate_url):
        super().__init__(None, objects, schedule_s=None)
        self.palate_url = palate_url

    def invoke(self, function, event):
        url = f"{self.palate_url}/_palate/object-created"
        try:
            urllib.request.urlopen(urllib.request.Request(url, json.dumps(event).encode(), method="POST")).close()
        except OSError as error:
            raise FunctionError(f"{url}: {error!r}") from error


class Local:
    """`url` answers for all three services, `s3_url` for S3. `close()` ends it all."""

    def __init__(self, folder, store):
        self.folder = Path(folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {**CREDENTIALS, "PALATE_STORE": store, "PALATE_DATA": str(self.folder / "data")}
        self.s3_url = self.url
        self.moto = self.webhook = None
        if store == "aws":
            self.moto, url = moto(folder)
            self.env |= create_stores(url)
            self.webhook = Webhook(s3.Moto(url), self.url)
            self.s3_url = self.webhook.url
        self.process = None
        self.start()

    def start(self):
        self.process = Process([bin_dir() / "palate", "serve", "--port", self.port], self.folder / "palate.log", self.env)
        wait_for(f"{self.url}/_palate/health", self.process.alive)

    def kill(self, name=None):
        """`kill -9`; the name of the worker does not matter here, all are in one process."""
        return self.process.kill()

    def restart(self):
        self.process.kill()
        self.start()

    def close(self):
        self.process.stop()
        if self.moto:
            self.webhook.close()
            self.moto.stop()

    def log(self):
        return self.process.output()


if __name__ == "__main__":
    sys.exit(command_line.run(Local, CREDENTIALS, __doc__))
