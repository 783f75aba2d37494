"""Waiting for a server to come up."""

import time
import urllib.error
import urllib.request


def wait_for(url, alive=lambda: True, limit_s=60):
    """Asks until there is any HTTP answer; fails if `alive()` turns false or after `limit_s` seconds."""
    end = time.monotonic() + limit_s
    while True:
        try:
            return urllib.request.urlopen(url, timeout=5).status
        except urllib.error.HTTPError as answer:
            return answer.code
        except OSError as error:
            if not alive() or time.monotonic() > end:
                raise RuntimeError(f"{url} does not answer: {error}") from error
            time.sleep(0.02)

