"""Checks a response as it came over the wire: status, headers, body."""

import json
import re
from dataclasses import dataclass

from .shapes import Checked

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Answered by operations that do not model them: to a body that is no JSON, as every AWS service does, and to an input
# that breaks a constraint of ListDatasetGroups or ListSchemas.
UNMODELLED = {"SerializationException": 400, "InvalidInputException": 400}


@dataclass(frozen=True)
class Response:
    """`headers` by lower-case name; `body` in bytes."""

    status: int
    headers: dict
    body: bytes

    @property
    def code(self):
        """The exception's name, or `None` if this is no error."""
        return None if self.status == 200 else self.headers.get("x-amzn-errortype") or parse(self.body)[0].get("__type")

    @property
    def message(self):
        return parse(self.body)[0].get("message", "")


def parse(body):
    """The JSON of a body and what is wrong with it; duplicate members and NaN are no JSON."""
    problems = []

    def once(pairs):
        names = [name for name, _ in pairs]
        problems.extend(f"the member {name} is there twice" for name in {n for n in names if names.count(n) > 1})
        return dict(pairs)

    def constant(name):
        problems.append(f"{name} is no JSON")

    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=once, parse_constant=constant)
    except ValueError as error:
        return {}, [f"the body is no JSON: {error}"]
    return (value, problems) if isinstance(value, dict) else ({}, ["the body is no JSON object"])


def check(operation, response):
    """Everything that the model and the protocol say of a response: how many members, which problems."""
    checked = Checked()
    if not UUID.fullmatch(response.headers.get("x-amzn-requestid", "")):
        checked.problems.append("the header x-amzn-RequestId is no UUID")
    content_type = "application/x-amz-json-1.1" if operation.control else "application/json"
    if (response.body or "content-type" in response.headers) and response.headers.get("content-type") != content_type:
        checked.problems.append(f"the content type is {response.headers.get('content-type')}, not {content_type}")
    if response.status == 200:
        success(operation, response, checked)
    else:
        failure(operation, response, checked)
    return checked


def success(operation, response, checked):
    shape = operation.model.output_shape
    if "x-amzn-errortype" in response.headers:
        checked.problems.append("a response of status 200 names an error")
    if shape is None:
        if response.body:
            checked.problems.append(f"the body is {response.body[:80]!r}, not empty")
        return
    value, problems = parse(response.body)
    checked.problems.extend(problems)
    if not problems:
        checked.value(shape, value)


def failure(operation, response, checked):
    value, problems = parse(response.body)
    checked.problems.extend(problems)
    checked.members += len(value)
    code = response.headers.get("x-amzn-errortype")
    statuses = {**UNMODELLED, **operation.errors}
    if code not in statuses:
        checked.problems.append(f"{code} ({response.status}) is no exception of {operation.name}")
    elif response.status != statuses[code]:
        checked.problems.append(f"the status of {code} is {response.status}, not {statuses[code]}")
    if value.get("__type") != code:
        checked.problems.append(f"__type is {value.get('__type')!r} and x-amzn-ErrorType is {code!r}")
    if not (isinstance(value.get("message"), str) and value["message"].strip()):
        checked.problems.append("the error has no message")
    if unknown := set(value) - {"__type", "message"}:
        checked.problems.append(f"the error's body has members that no error has: {', '.join(sorted(unknown))}")
