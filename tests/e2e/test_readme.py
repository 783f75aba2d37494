"""The README's session, word for word."""

import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import SERVE
from functions import CREDENTIALS

README = Path(__file__).parents[2] / "README.md"


def block(language, containing):
    """The README's one code block of a language with this text in it."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    found = [text for text in blocks if containing in text]
    assert len(found) == 1, f"{len(found)} blocks of {language} contain {containing!r}"
    return found[0]


@SERVE
def test_the_session_in_the_readme_runs_as_it_is_printed(installation, tmp_path):
    tools = Path(sys.executable).parent
    env = {**os.environ, **CREDENTIALS, "AWS_ENDPOINT_URL": installation.url, "AWS_PAGER": "",
           "PATH": f"{tools}:{os.environ['PATH']}"}
    for number, command in enumerate([
        ["bash", "-euo", "pipefail", "-c", block("sh", "aws s3 mb")],
        [sys.executable, "-c", block("python", "boto3")],
    ]):
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, (number, done.stdout, done.stderr)
    lines = done.stdout.split()
    assert len(lines) == 10, done.stdout
    # u1 walked film-8 to film-37, and everybody goes on with the next film.
    assert lines[0] == "film-38" and 0 < float(lines[1]) <= 1
