"""The installations that the tests run against."""

import pytest

import steps
from functions import Functions
from local import Local

KINDS = {"serve": Local, "functions": Functions}


@pytest.fixture(scope="module")
def installation(request, tmp_path_factory):
    """One installation for the tests of a module, as `request.param` says: `serve-embedded`, `functions-aws`, …"""
    kind, store = request.param.split("-")
    made = KINDS[kind](tmp_path_factory.mktemp(request.param), store)
    made.aws = steps.clients(made.url, made.s3_url)
    failed = request.session.testsfailed
    yield made
    made.close()
    if request.session.testsfailed > failed:
        print(made.log()[-20_000:])  # pytest shows it with the failure


EVERYWHERE = pytest.mark.parametrize(
    "installation", ["serve-embedded", "serve-aws", "functions-embedded", "functions-aws"], indirect=True)
SERVE = pytest.mark.parametrize("installation", ["serve-embedded"], indirect=True)
