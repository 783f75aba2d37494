"""Takes the worlds down in the order that works."""

from .kinds import KINDS

ORDER = ("Campaign", "Recommender", "Solution", "EventTracker", "MetricAttribution", "Filter", "Dataset", "DatasetGroup",
         "Schema")


def take_down(world):
    for name in ORDER:
        kind = KINDS[name]
        for resource in world.every(kind.lists, kind.listed):
            world.arns["last"] = resource[kind.arn]
            world.settled(name, "last", None)
            world.delete(name, "last")
    left = world.every("ListSolutionVersions", "solutionVersions")
    world.expect("DeleteSolution", left == [], f"leaves versions: {left[:2]}")
    for kind in KINDS.values():
        if kind.deletable:
            left = world.every(kind.lists, kind.listed)
            world.expect(kind.lists, left == [], f"still lists {left[:2]}")
        elif kind.name != "SolutionVersion":
            world.expect(kind.lists, world.every(kind.lists, kind.listed), "lists no job any more")


STEPS = [take_down]
