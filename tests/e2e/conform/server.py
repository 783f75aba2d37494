"""`palate serve` on a free port and a folder of its own."""

import re
import time

from functions import CREDENTIALS, bin_dir
from processes import Process
from wait_for import wait_for


class Server:
    """Started with `options`; `restart(options)` goes on with the same data."""

    def __init__(self, folder, *options):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.process = None
        self.restart(*options)

    def restart(self, *options):
        self.close()
        log = self.folder / f"palate-{time.monotonic_ns()}.log"
        command = [bin_dir() / "palate", "serve", "--port", "0", "--data", self.folder / "data", *options]
        self.process = Process(command, log, CREDENTIALS)
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", self.process.output())):
            if not self.process.alive():
                raise RuntimeError(f"palate serve did not start: {self.process.output()}")
            time.sleep(0.02)
        self.url = found.group()
        wait_for(f"{self.url}/_palate/health", self.process.alive)

    def close(self):
        if self.process:
            self.process.stop()
            self.process = None

    def log(self):
        return self.process.output() if self.process else ""
