"""Creates until Amazon's quotas are used up, and sees that it ends where Amazon's ends."""

from .creations import one_more
from .kinds import KINDS, missing

LIMIT = "LimitExceededException"
# Kind: Amazon's number, and the parent within which it counts.
COUNTED = {"DatasetGroup": (5, None), "Schema": (500, None), "Solution": (10, "group"), "Filter": (30, "group"),
           "Campaign": (5, None), "Recommender": (5, "videos")}
# The quota on pending jobs of a kind, by the name that `palate serve --quota` takes.
PENDING = {"DatasetImportJob": "dataset-import-jobs", "DatasetExportJob": "dataset-export-jobs",
           "DataDeletionJob": "data-deletion-jobs", "BatchInferenceJob": "batch-inference-jobs",
           "BatchSegmentJob": "batch-segment-jobs",
           "SolutionVersion": "solution-versions"}
NO_JOBS = [part for name in PENDING.values() for part in ("--quota", f"{name}=0")]


def fill(world, kind_name):
    kind = KINDS[kind_name]
    most, parent = COUNTED[kind_name]
    made = []
    for _ in range(most + 1):
        arguments = one_more(world, kind_name)
        refusal = world.palate.attempt(f"Create{kind_name}", **arguments)
        if refusal:
            break
        made.append(arguments["name"])
    narrowed = {kind.parent: world[parent]} if parent else {}
    resources = world.every(kind.lists, kind.listed, **narrowed)
    world.expect(f"Create{kind_name}", refusal == LIMIT and len(resources) == most,
                 f"answered {refusal} when there were {len(resources)} resources; the quota is {most}")
    if refusal == LIMIT:
        world.palate.refused(LIMIT, f"Create{kind_name}", str(most), **one_more(world, kind_name))
    for resource in resources:
        if resource["name"] in made:
            world.arns["one too many"] = resource[kind.arn]
            world.settled(kind_name, "one too many", None)
            world.palate(f"Delete{kind_name}", **{kind.arn: resource[kind.arn]})


def step(kind_name):
    def filled(world):
        fill(world, kind_name)
    filled.__name__ = f"fill_{kind_name}"
    return filled


def pending(world):
    """With quotas of no pending jobs at all, set after the worlds were made."""
    for kind in PENDING:
        world.palate.refused(LIMIT, f"Create{kind}", "More than 0 resources", **one_more(world, kind))


STEPS = [step(kind) for kind in COUNTED]
