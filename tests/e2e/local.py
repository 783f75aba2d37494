"""`palate serve`, with either store."""

from pathlib import Path

from functions import CREDENTIALS, bin_dir, create_stores
from processes import Process, free_port, moto
from wait_for import wait_for


class Local:
    """`url` answers for all three services and S3. `close()` ends it all."""

    def __init__(self, folder, store):
        self.folder = Path(folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {**CREDENTIALS, "PALATE_STORE": store, "PALATE_DATA": str(self.folder / "data")}
        self.moto = None
        if store == "aws":
            self.moto, url = moto(folder)
            self.env |= create_stores(url)
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
            self.moto.stop()

    def log(self):
        return self.process.output()
