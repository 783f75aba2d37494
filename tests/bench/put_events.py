#!/usr/bin/env python3
"""PutEvents over HTTP into the embedded store, every commit synced to the disk: events a second and latencies.

    cargo build --release -p palate --bin palate --example put_events_load
    python tests/bench/put_events.py [--folder /var/tmp] [--seconds 20]

`--folder` is on the disk that is measured; a folder in memory would measure no disk. Runs one connection, then 8 and
16 as fast as they go, then 16 at 3,300 events a second. Client and server share the machine.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

BIN = Path(os.environ.get("PALATE_BIN_DIR", Path(__file__).resolve().parents[2] / "target" / "release"))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--folder", default="/var/tmp")
    options.add_argument("--seconds", type=int, default=20)
    options = options.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as data:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = subprocess.Popen([BIN / "palate", "serve", "--data", data, "--port", str(port)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            health(f"http://127.0.0.1:{port}/_palate/health", server)
            for connections, rate in ((1, []), (8, []), (16, []), (16, ["--rate", "3300"])):
                load = [BIN / "examples" / "put_events_load", "--address", f"127.0.0.1:{port}", "--server-pid",
                        str(server.pid), "--seconds", str(options.seconds), "--connections", str(connections), *rate]
                subprocess.run(load, check=True)
        finally:
            server.terminate()
            server.wait()


def health(url, server):
    while True:
        try:
            return urllib.request.urlopen(url).close()
        except OSError:
            if server.poll() is not None:
                sys.exit("palate does not start")
            time.sleep(0.05)


if __name__ == "__main__":
    main()
