"""What creates one more resource of each kind in the worlds, and what it may lack or have too much of."""

import itertools

from .kinds import KINDS, missing
from .tables import schema
from .world import ROLE

RECIPE = "arn:aws:personalize:::recipe/{}"
# Kinds that a quota counts, with Amazon's number and the list that shows how many there are.
PARENTS = {"datasetGroupArn": "DatasetGroup", "datasetArn": "Dataset", "solutionArn": "Solution", "schemaArn": "Schema",
           "solutionVersionArn": "SolutionVersion", "filterArn": "Filter"}
UNTAGGED = ("Schema", "MetricAttribution")
_numbers = itertools.count()


def one_more(world, kind_name):
    """Arguments of a creation that is right but for what its kind allows only once or not yet."""
    name = f"more-{next(_numbers)}"
    batch = {"jobName": name, "roleArn": ROLE, "jobInput": {"s3DataSource": {"path": f"s3://{world.bucket}/nothing/in/"}},
             "jobOutput": {"s3DataDestination": {"path": f"s3://{world.bucket}/nothing/out/"}}}
    return {
        "DatasetGroup": lambda: {"name": name},
        "Schema": lambda: {"name": name, "schema": schema("Items")},
        "Dataset": lambda: {"name": name, "schemaArn": world["schema WiderItems"], "datasetGroupArn": world["group"],
                            "datasetType": "Items"},
        "DatasetImportJob": lambda: {"jobName": name, "datasetArn": world["Users"], "roleArn": ROLE,
                                     "dataSource": {"dataLocation": f"s3://{world.bucket}/nothing.csv"}},
        "DatasetExportJob": lambda: {"jobName": name, "datasetArn": world["Users"], "roleArn": ROLE,
                                     "jobOutput": {"s3DataDestination": {"path": f"s3://{world.bucket}/nothing/"}}},
        "DataDeletionJob": lambda: {"jobName": name, "datasetGroupArn": world["group"], "roleArn": ROLE,
                                    "dataSource": {"dataLocation": f"s3://{world.bucket}/nothing.csv"}},
        "EventTracker": lambda: {"name": name, "datasetGroupArn": world["group"]},
        "Filter": lambda: {"name": name, "datasetGroupArn": world["group"],
                           "filterExpression": "INCLUDE ItemID WHERE Items.PRICE > 1"},
        "MetricAttribution": lambda: {
            "name": name, "datasetGroupArn": world["group"], "metricsOutputConfig": {"roleArn": ROLE},
            "metrics": [{"eventType": "watch", "metricName": "m", "expression": "SAMPLECOUNT()"}]},
        "Solution": lambda: {"name": name, "datasetGroupArn": world["group"], "performAutoTraining": False,
                             "recipeArn": RECIPE.format("aws-popularity-count")},
        "SolutionVersion": lambda: {"name": name, "solutionArn": world["segments"]},
        "Campaign": lambda: {"name": name, "solutionVersionArn": world["popular version"]},
        # Cannot be trained yet, so it fails at once.
        "Recommender": lambda: {"name": name, "datasetGroupArn": world["videos"],
                                "recipeArn": RECIPE.format("aws-vod-top-picks")},
        "BatchInferenceJob": lambda: {**batch, "solutionVersionArn": world["popular version"]},
        "BatchSegmentJob": lambda: {**batch, "solutionVersionArn": world["segments version"]},
    }[kind_name]()


def parents(kind_name, arguments):
    """The arguments once for each ARN in them that could name nothing, with that ARN and the text that names it."""
    for member, parent in PARENTS.items():
        if member in arguments:
            yield {**arguments, member: missing(parent)}, missing(parent)


def too_many_tags(n=51):
    return [{"tagKey": f"key-{i}", "tagValue": "v"} for i in range(n)]


def tagged():
    return [kind for kind in KINDS.values() if kind.name not in UNTAGGED]
