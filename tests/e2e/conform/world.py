"""Resources that are made, looked at and remembered."""

import time

from botocore.exceptions import ClientError

from .kinds import EVERY, KINDS, SETTLED
from .model import OPERATIONS
from .wire import brief

ROLE = "arn:aws:iam::000000000000:role/any"
LIMIT_S = 90


class NotMade(Exception):
    """A step needs what an earlier one was to make."""


class World:
    """`world["group"]` is the ARN of what was made under this key."""

    def __init__(self, palate, bucket):
        self.palate, self.ledger, self.bucket = palate, palate.ledger, bucket
        self.arns = {}

    def __getitem__(self, key):
        if key not in self.arns:
            raise NotMade(key)
        return self.arns[key]

    def run(self, steps):
        """Each step is done whatever became of those before: one difference must not hide the others."""
        for step in steps:
            try:
                step(self)
            except NotMade as error:
                self.ledger.problem("", f"{step.__name__} lacks what was not made: {error}")
            except Exception as error:
                at = error.__traceback__
                while at.tb_next:
                    at = at.tb_next
                self.ledger.problem(self.palate.last, f"{step.__name__} ended with {type(error).__name__}: {error} "
                                                      f"({at.tb_frame.f_code.co_name}, line {at.tb_lineno})")

    def expect(self, name, true, text):
        if not true:
            self.ledger.problem(name, text)

    def upload(self, key, body):
        self.palate.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def create(self, kind_name, key, status="ACTIVE", /, loose=(), **arguments):
        """Creates a resource, waits until it has this status, and sees that what was given is described and listed.
        `loose`: members that the service may describe otherwise than they were given. If it cannot be made, that is
        told, and the rest of the step goes on."""
        try:
            answer = self.start(kind_name, key, **arguments)
        except ClientError as error:
            self.ledger.problem(f"Create{kind_name}", f"{brief(arguments)}: {error}")
            return {}
        self.settled(kind_name, key, status)
        kind, arn = KINDS[kind_name], self.arns[key]
        described = self.describe(kind_name, arn)
        for member, value in arguments.items():
            known = member in OPERATIONS[f"Describe{kind_name}"].model.output_shape.members[kind.lower].members
            if known and member not in loose:
                self.expect(f"Describe{kind_name}", holds(described.get(member), value),
                            f"{member} is {described.get(member)!r} and was given as {value!r}")
        self.listed(kind, arn, described)
        return answer

    def start(self, kind_name, key, /, **arguments):
        """Creates a resource and does not wait."""
        answer = self.palate(f"Create{kind_name}", **arguments)
        self.arns[key] = answer[KINDS[kind_name].arn]
        return answer

    def describe(self, kind_name, arn):
        kind = KINDS[kind_name]
        return self.palate(f"Describe{kind_name}", **{kind.arn: arn})[kind.lower]

    def settled(self, kind_name, key, status="ACTIVE", update=None):
        """Waits until a resource has settled, and `update`, a member that tells of its last update, with it. It must
        have become `status` then, if that is not `None`."""
        end = time.monotonic() + LIMIT_S
        while True:
            described = self.describe(kind_name, self[key])
            if kind_name == "Schema":
                return described
            shown = [described["status"]] + ([described[update]["status"]] if update and update in described else [])
            if unknown := [one for one in shown if one not in EVERY]:
                raise AssertionError(f"{key} has a status that there is not: {unknown}")
            if all(one in SETTLED for one in shown):
                break
            if time.monotonic() > end:
                raise AssertionError(f"{key} is {shown} after {LIMIT_S} s")
            time.sleep(0.02)
        failed = "FAILED" in described["status"]
        self.expect(f"Describe{kind_name}", failed == bool(described.get("failureReason")),
                    f"{key} is {described['status']} and failureReason is {described.get('failureReason')!r}")
        if status is not None and described["status"] != status:
            raise AssertionError(f"{key} is {described['status']}, not {status}: {described.get('failureReason')}")
        return described

    def listed(self, kind, arn, described):
        """The list has the resource, with what Describe tells of it."""
        pages = self.every(kind.lists, kind.listed)
        found = [summary for summary in pages if summary[kind.arn] == arn]
        self.expect(kind.lists, len(found) == 1, f"{arn} is listed {len(found)} times")
        for member, value in (found[0] if found else {}).items():
            # Jobs of others may go on between the two calls, but this one has settled.
            self.expect(kind.lists, described.get(member, value) == value,
                        f"{member} of {arn} is {value!r} in the list and {described.get(member)!r} in Describe{kind.name}")
        if kind.parent and kind.parent in described:
            narrowed = self.every(kind.lists, kind.listed, **{kind.parent: described[kind.parent]})
            self.expect(kind.lists, arn in [summary[kind.arn] for summary in narrowed],
                        f"{arn} is not in the list narrowed to its {kind.parent}")

    def every(self, lists, listed, **arguments):
        """All pages of a list."""
        found, token = [], {}
        while True:
            page = self.palate(lists, **arguments, **token)
            found += page[listed]
            if "nextToken" not in page:
                return found
            token = {"nextToken": page["nextToken"]}

    def delete(self, kind_name, key):
        """Deletes a resource, waits until it is gone, and sees that it is not listed any more."""
        kind, arn = KINDS[kind_name], self[key]
        self.palate(f"Delete{kind_name}", **{kind.arn: arn})
        end = time.monotonic() + LIMIT_S
        while arn in [summary[kind.arn] for summary in self.every(kind.lists, kind.listed)]:
            if time.monotonic() > end:
                raise AssertionError(f"{arn} is still listed")
            time.sleep(0.02)
        self.palate.refused("ResourceNotFoundException", f"Describe{kind_name}", arn, **{kind.arn: arn})
        del self.arns[key]

    def forbidden(self, name, **arguments):
        """A call that the state of its resource forbids, where the documentation leaves open which of two exceptions says
        so."""
        refusal = self.palate.attempt(name, **arguments)
        self.expect(name, refusal in ("InvalidInputException", "ResourceInUseException"),
                    f"answered {refusal} for a resource in the wrong state")

    def raced(self, code, attempt, late=None, tries=300):
        """Something that must be refused with `code` while a job goes on. `attempt(i)` starts the job and gives the call
        and how to take it back, as `(name, arguments, undo)`. If the job was faster, so that the call is accepted or
        refused with `late`, it is tried again."""
        for i in range(tries):
            name, arguments, undo = attempt(i)
            refusal = self.palate.attempt(name, **arguments)
            if refusal is not None and refusal != late:
                self.expect(name, refusal == code, f"answered {refusal} while a job goes on; expected {code}")
                if refusal == code:
                    self.ledger.refused(name, code)
                return
            undo()
        self.ledger.problem(name, f"was too late {tries} times for a job that went on; expected {code}")


def holds(described, given):
    """Whether what is described has what was given. The service may add members: defaults."""
    if isinstance(given, dict) and isinstance(described, dict):
        return all(holds(described.get(name), value) for name, value in given.items())
    return described == given
