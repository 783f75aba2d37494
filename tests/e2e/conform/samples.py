"""Values that a shape takes: the least, and ones of a length that is asked for."""

# One value for each pattern of the models, and the same with n more characters. A pattern that is new in the
# models is a KeyError here, and rightly: somebody must look at it.
PATTERNS = {
    r"arn:([a-z\d-]+):personalize:.*:.*:.+": ("arn:aws:personalize:us-east-1:000000000000:any/thing", "{}{}"),
    r"[A-Za-z_][A-Za-z\d_]*": ("COLUMN", "{}{}"),
    r"^[A-Za-z_]+$": ("Items", "{}{}"),
    r"arn:aws.*:kms:.*:[0-9]{12}:key/.*": ("arn:aws:kms:us-east-1:000000000000:key/k", "{}{}"),
    r"^[a-zA-Z0-9][a-zA-Z0-9\-_]*": ("name", "{}{}"),
    r"\p{ASCII}{0,1500}": ("token", "{}{}"),
    r"arn:([a-z\d-]+):iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+": ("arn:aws:iam::000000000000:role/any", "{}{}"),
    r"(s3|http|https)://.+": ("s3://bucket/key.csv", "{}{}"),
    r"rate\(\d+ days?\)": ("rate(7 days)", "rate({1} days)"),
    r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$": ("tag", "{}{}"),
    r"[A-Za-z\d_]+": ("NAME", "{}{}"),
    r"[A-Za-z0-9_]+": ("NAME", "{}{}"),
    r"^[\x20-\x7E]*[\x21-\x7E]+[\x20-\x7E]*$": ("source", "{}{}"),
}
JSON_VALUE = '{{"k":"{}"}}'


def is_json(shape):
    """A string that holds a JSON object."""
    return bool(shape.serialization.get("jsonvalue"))


def text(shape, length=None):
    """A string that only its length can make invalid."""
    if is_json(shape):
        return "" if length == 0 else JSON_VALUE.format("x" * max(0, (length or 0) - len(JSON_VALUE.format(""))))
    if shape.enum:
        return shape.enum[0]
    sample, longer = PATTERNS[shape.metadata["pattern"]] if "pattern" in shape.metadata else ("value", "{}{}")
    if length is None:
        return sample
    if length < len(sample):
        return sample[:length]
    return longer.format(sample, "1" * (length - len(longer.format(sample, ""))))


def sample(shape):
    """The least that the model allows: required members only, and as few elements as may be."""
    kind = shape.type_name
    if kind == "structure":
        return {name: sample(shape.members[name]) for name in shape.required_members}
    if kind == "list":
        return [sample(shape.member)] * max(1, shape.metadata.get("min") or 0)
    if kind == "map":
        return {text(shape.key): sample(shape.value)}
    if kind == "string":
        return text(shape)
    if kind in ("integer", "long"):
        return max(1, shape.metadata.get("min") or 0)
    if kind in ("double", "float"):
        return 0.5
    return {"boolean": True, "timestamp": 1_700_000_000}[kind]
