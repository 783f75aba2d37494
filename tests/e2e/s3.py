"""Where the forwarder keeps objects: moto, or the data folder that the functions share."""

import hashlib
import http.client
import os
import urllib.parse
import uuid
from pathlib import Path
from xml.sax.saxutils import escape


class Moto:
    """Hands every request on to moto."""

    def __init__(self, url):
        self.address = urllib.parse.urlsplit(url).netloc

    def request(self, method, target, headers, body):
        connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


class Folder:
    """Buckets as folders of the embedded mode's data folder, `s3/<bucket>/<key>`: the little that tests use of S3.

    Not `palate serve`, which would do the functions' jobs itself.
    """

    def __init__(self, data):
        self.root = Path(data) / "s3"
        self.aside = Path(data) / "e2e-uploads"
        self.root.mkdir(parents=True, exist_ok=True)
        self.aside.mkdir(exist_ok=True)

    def request(self, method, target, headers, body):
        bucket, _, key = urllib.parse.unquote(target.partition("?")[0]).lstrip("/").partition("/")
        if not bucket or ".." in (bucket, *key.split("/")):
            return error(400, "InvalidRequest")
        folder, path = self.root / bucket, self.root / bucket / key
        if method == "PUT" and not key:
            if folder.exists():
                return error(409, "BucketAlreadyOwnedByYou")
            folder.mkdir()
            return 200, {"Location": f"/{bucket}"}, b""
        if not folder.exists():
            return error(404, "NoSuchBucket")
        if method == "PUT":
            if "aws-chunked" in str(headers):
                return error(501, "NotImplemented")
            aside = self.aside / uuid.uuid4().hex
            aside.write_bytes(body)
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(aside, path)
            return 200, {"ETag": etag(body)}, b""
        if method == "GET" and not key:
            return 200, {"Content-Type": "application/xml"}, listing(folder, target)
        if not path.is_file():
            return error(404, "NoSuchKey")
        if method in ("GET", "HEAD"):
            body = path.read_bytes()
            return 200, {"ETag": etag(body), "Content-Length": str(len(body))}, body
        if method == "DELETE":
            path.unlink()
            return 204, {}, b""
        return error(501, "NotImplemented")


def listing(folder, target):
    """The first thousand keys with the prefix that the query names, as ListObjectsV2 answers."""
    prefix = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query)).get("prefix", "")
    keys = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    found = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in keys if key.startswith(prefix))
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode()


def etag(body):
    return f'"{hashlib.md5(body).hexdigest()}"'


def error(status, code):
    return status, {"Content-Type": "application/xml"}, f"<Error><Code>{code}</Code></Error>".encode()
