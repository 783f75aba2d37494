"""Processes under test: each in a session of its own, with its output in a file, and never left behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

MARK = "PALATE_E2E"


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Process:
    """A program and whatever it starts, marked by an environment variable so that they can be told apart."""

    def __init__(self, command, log, env=None, cwd=None):
        self.mark = uuid.uuid4().hex
        self.log = Path(log)
        self.command = [str(part) for part in command]
        with self.log.open("ab") as output:
            self.popen = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=cwd, start_new_session=True,
                env={**os.environ, "NO_COLOR": "1", **(env or {}), MARK: self.mark})

    def alive(self):
        return self.popen.poll() is None

    def pids(self, name=None):
        """The marked processes, of the program `name` if it is given."""
        found = []
        wanted = f"{MARK}={self.mark}".encode()
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and wanted in (folder / "environ").read_bytes().split(b"\0"):
                    if name in (None, Path(os.readlink(folder / "exe")).name):
                        found.append(int(folder.name))
            except OSError:
                pass  # ended meanwhile, or not ours to look at
        return found

    def kill(self, name=None):
        """`kill -9` for all of them, or for the program `name`; returns how many there were."""
        pids = self.pids(name)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if name is None:
            self.popen.wait()
        return len(pids)

    def stop(self, limit_s=20):
        """SIGTERM; returns the exit status. What is left after `limit_s` seconds is killed."""
        if self.alive():
            self.popen.terminate()
        try:
            return self.popen.wait(limit_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self.kill()

    def output(self):
        return self.log.read_text(errors="replace")


def moto(folder):
    """A moto server: S3 and DynamoDB in memory. Returns the process and its address."""
    log = Path(folder) / "moto.log"
    process = Process([sys.executable, Path(__file__).parents[1] / "moto_server.py", "0"], log)
    while not (url := re.search(r"^http://\S+$", log.read_text(), re.MULTILINE)):
        assert process.alive(), process.output()
        time.sleep(0.02)
    return process, url.group()
