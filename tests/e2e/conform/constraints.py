"""Breaks every modelled constraint once and looks at how that is refused."""

import json

from .model import OPERATIONS
from .samples import sample
from .violations import violations

REFUSED = {"InvalidInputException"}
WRONG_TYPE = REFUSED | {"SerializationException"}
# A token that no list can have issued is wrong in either way.
NO_TOKEN = REFUSED | {"InvalidNextTokenException"}


def run(palate, ledger):
    for operation in OPERATIONS.values():
        entry = ledger.entries[operation.name]
        for violation in violations(operation.model.input_shape):
            entry.violations += 1
            response = palate.raw.send(operation, violation.input)
            problem = wrong(violation, response)
            if problem:
                ledger.problem(operation.name, f"{violation}: {problem}")
            else:
                entry.answered_right += 1
                ledger.refused(operation.name, response.code)
        bodies(palate, ledger, operation)


def wrong(violation, response):
    """What is wrong with the answer to a violation, or `None`."""
    allowed = WRONG_TYPE if violation.constraint == "type" else NO_TOKEN if violation.path == ("nextToken",) else REFUSED
    if response.code not in allowed:
        told = f"{response.code}: {response.message}" if response.code else "accepted"
        return f"answered {response.status} {told[:200]}"
    if missing := [member for member in violation.path if member not in response.message]:
        return f"the message does not name {missing}: {response.message}"
    return None


def bodies(palate, ledger, operation):
    """Bodies that are no object are refused; members that nobody knows and nulls are not looked at."""
    for body in (b"{", b"[]", b"\xff\xfe", b'"text"', b"7", b'{"a":1}{"b":2}'):
        response = palate.raw.send(operation, body)
        if response.code != "SerializationException":
            ledger.problem(operation.name, f"the body {body!r} is answered {response.status} {response.code}")
    shape = operation.model.input_shape
    if not shape.required_members:
        return
    # As good as missing: the first required member is what the message names.
    first = shape.required_members[0]
    odd = {**sample(shape), first: None, "no such member": {"of": ["any", "kind", None]}}
    response = palate.raw.send(operation, json.dumps(odd).encode())
    if response.code not in REFUSED or first not in response.message:
        ledger.problem(operation.name, f"with {first} null and an unknown member: answered {response.status} "
                                       f"{response.code}: {response.message}")
