"""Checks a JSON value against a shape of a service model, more strictly than any SDK does."""

import math

import regex

# Members whose shape in the model cannot hold what the operation is given. Amazon's own answers break the model
# here too, so the shape of the request's member is what counts.
MODELLED_WRONG = {
    ("DatasetImportJob", "roleArn"): "the pattern of personalize's own ARNs; the request's is that of roles",
    ("DatasetExportJob", "roleArn"): "the pattern of personalize's own ARNs; the request's is that of roles",
}
ROLE = r"arn:([a-z\d-]+):iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"

# Times before 2001 or after 2286 are not in seconds.
SECONDS = (1e9, 1e10)


class Checked:
    """How many members were looked at, and what is wrong with them."""

    def __init__(self):
        self.members = 0
        self.problems = []

    def wrong(self, at, what):
        self.problems.append(f"{at or 'the body'} {what}")

    def value(self, shape, value, at=""):
        self.members += 1
        getattr(self, shape.type_name)(shape, value, at)

    def structure(self, shape, value, at):
        if not isinstance(value, dict):
            return self.wrong(at, f"is {kind(value)}, not an object")
        dot = f"{at}." if at else ""
        for name in shape.required_members:
            if name not in value:
                self.wrong(f"{dot}{name}", "is missing")
        for name, member in value.items():
            if name not in shape.members:
                self.wrong(f"{dot}{name}", f"is no member of {shape.name}")
            elif (shape.name, name) in MODELLED_WRONG:
                self.members += 1
                if not (isinstance(member, str) and regex.fullmatch(ROLE, member)):
                    self.wrong(f"{dot}{name}", f"is {member!r}, no role ARN")
            else:
                self.value(shape.members[name], member, f"{dot}{name}")

    def list(self, shape, value, at):
        if not isinstance(value, list):
            return self.wrong(at, f"is {kind(value)}, not a list")
        self.size(shape, len(value), at, "elements")
        for i, element in enumerate(value):
            self.value(shape.member, element, f"{at}[{i}]")

    def map(self, shape, value, at):
        if not isinstance(value, dict):
            return self.wrong(at, f"is {kind(value)}, not an object")
        self.size(shape, len(value), at, "entries")
        for name, element in value.items():
            self.value(shape.key, name, f"{at} (key)")
            self.value(shape.value, element, f"{at}.{name}")

    def string(self, shape, value, at):
        if not isinstance(value, str):
            return self.wrong(at, f"is {kind(value)}, not a string")
        self.size(shape, len(value), at, "characters")
        if shape.enum and value not in shape.enum:
            self.wrong(at, f"is {value!r}, none of {', '.join(shape.enum)}")
        pattern = shape.metadata.get("pattern")
        if pattern and not regex.fullmatch(pattern, value):
            self.wrong(at, f"is {value!r} and does not match {pattern}")

    def integer(self, shape, value, at):
        if isinstance(value, bool) or not isinstance(value, int):
            return self.wrong(at, f"is {kind(value)}, not an integer")
        self.range(shape, value, at)

    long = integer

    def double(self, shape, value, at):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            return self.wrong(at, f"is {kind(value)}, not a finite number")
        self.range(shape, value, at)

    float = double

    def boolean(self, shape, value, at):
        if not isinstance(value, bool):
            self.wrong(at, f"is {kind(value)}, neither true nor false")

    def timestamp(self, shape, value, at):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return self.wrong(at, f"is {kind(value)}, not a number of seconds")
        if not SECONDS[0] <= value <= SECONDS[1]:
            self.wrong(at, f"is {value}, which is no time in seconds")

    def size(self, shape, size, at, what):
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and size < least or most is not None and size > most:
            self.wrong(at, f"has {size} {what}, not {bounds(least, most)}")

    def range(self, shape, value, at):
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and value < least or most is not None and value > most:
            self.wrong(at, f"is {value}, not {bounds(least, most)}")


def bounds(least, most):
    return f"{'' if least is None else least}..{'' if most is None else most}"


def kind(value):
    """What JSON calls it."""
    names = {type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list",
             dict: "an object"}
    return names[type(value)]
