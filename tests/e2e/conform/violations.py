"""Every constraint that the model puts on an input, each broken once with everything else in order."""

from dataclasses import dataclass

import regex

from .samples import is_json, sample, text

# Of these the first that the pattern does not match is sent.
MISFITS = ("!", "§", "no thing", "\x7f", "\u20ac", " ")
WRONG_TYPE = {"structure": [], "list": "text", "map": [], "string": 7, "integer": "text", "long": "text", "double": "text",
              "float": "text", "boolean": "text", "timestamp": "soon"}


@dataclass(frozen=True)
class Violation:
    """`path`: names of the members down to the broken one, which a good message tells."""

    path: tuple
    constraint: str
    input: dict

    def __str__(self):
        return f"{'.'.join(self.path)}: {self.constraint}"


def violations(shape):
    """All violations of an operation's input shape."""
    yield from structure(shape, lambda value: value, ())


def below(shape, wrap, path):
    """`wrap(value)` is a whole input with `value` at `path`."""
    def broken(constraint, value):
        return Violation(path, constraint, wrap(value))

    yield broken("type", 7 if is_json(shape) else WRONG_TYPE[shape.type_name])
    if shape.type_name == "string":
        yield from string(shape, broken)
    elif shape.type_name in ("integer", "long", "double", "float"):
        step = 1 if shape.type_name in ("integer", "long") else 0.25
        if (least := shape.metadata.get("min")) is not None:
            yield broken("minimum", least - step)
        if (most := shape.metadata.get("max")) is not None:
            yield broken("maximum", most + step)
    elif shape.type_name == "structure":
        yield from structure(shape, wrap, path)
    elif shape.type_name == "list":
        yield from list_(shape, wrap, path, broken)
    elif shape.type_name == "map":
        yield from map_(shape, wrap, path, broken)


def structure(shape, wrap, path):
    for name, member in shape.members.items():
        base = sample(shape)
        if name in shape.required_members:
            yield Violation((*path, name), "required", wrap({n: v for n, v in base.items() if n != name}))
        yield from below(member, lambda value, name=name, base=base: wrap({**base, name: value}), (*path, name))


def string(shape, broken):
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least:
        yield broken("shortest", text(shape, least - 1))
    if most is not None and not shape.enum:
        yield broken("longest", text(shape, most + 1))
    if shape.enum:
        yield broken("enumeration", "NONE_OF_THEM")
    if pattern := shape.metadata.get("pattern"):
        yield broken("pattern", next(misfit for misfit in MISFITS if not regex.fullmatch(pattern, misfit)))
        # What merely begins as the pattern demands does not match it.
        after = text(shape) + "\n\u20ac"
        if not regex.fullmatch(pattern, after):
            yield broken("pattern to its end", after)


def list_(shape, wrap, path, broken):
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least:
        yield broken("fewest elements", [sample(shape.member)] * (least - 1))
    if most is not None:
        yield broken("most elements", [sample(shape.member)] * (most + 1))
    yield from below(shape.member, lambda value: wrap([value]), path)


def map_(shape, wrap, path, broken):
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least:
        yield broken("fewest entries", {})
    if most is not None:
        yield broken("most entries", {key: sample(shape.value) for key in keys(shape.key, most + 1)})
    for violation in below(shape.key, lambda key: key, ("key",)):
        # A key of JSON is a string, whatever else is done.
        if violation.constraint != "type":
            yield Violation(path, f"key, {violation.constraint}", wrap({violation.input: sample(shape.value)}))
    yield from below(shape.value, lambda value: wrap({text(shape.key): value}), path)


def keys(shape, n):
    """`n` different keys, or as many as there are of an enumeration and then some."""
    if shape.enum:
        return [*shape.enum, *(f"MORE{i}" for i in range(n - len(shape.enum)))]
    return [f"K{chr(65 + i // 26)}{chr(65 + i % 26)}" for i in range(n)]
