"""What the operations on a kind of resource and their members are called."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """`name` as in the operations: `DatasetGroup`. `parent` is the list's member that narrows it."""

    name: str
    parent: str | None = None
    deletable: bool = True

    @property
    def lower(self):
        return self.name[0].lower() + self.name[1:]

    @property
    def arn(self):
        return f"{self.lower}Arn"

    @property
    def called(self):
        return "jobName" if self.name.endswith("Job") else "name"

    @property
    def lists(self):
        return f"List{self.name}s"

    @property
    def listed(self):
        # The one member of the API that begins with a capital.
        return "Filters" if self.name == "Filter" else f"{self.lower}s"


KINDS = {kind.name: kind for kind in (
    Kind("DatasetGroup"),
    Kind("Schema"),
    Kind("Dataset", "datasetGroupArn"),
    Kind("DatasetImportJob", "datasetArn", deletable=False),
    Kind("DatasetExportJob", "datasetArn", deletable=False),
    Kind("DataDeletionJob", "datasetGroupArn", deletable=False),
    Kind("EventTracker", "datasetGroupArn"),
    Kind("Filter", "datasetGroupArn"),
    Kind("MetricAttribution", "datasetGroupArn"),
    Kind("Solution", "datasetGroupArn"),
    Kind("SolutionVersion", "solutionArn", deletable=False),
    Kind("Campaign", "solutionArn"),
    Kind("Recommender", "datasetGroupArn"),
    Kind("BatchInferenceJob", "solutionVersionArn", deletable=False),
    Kind("BatchSegmentJob", "solutionVersionArn", deletable=False),
)}
SETTLED = ("ACTIVE", "INACTIVE", "CREATE FAILED", "CREATE STOPPED", "COMPLETED", "FAILED")
EVERY = (*SETTLED, "CREATE PENDING", "CREATE IN_PROGRESS", "DELETE PENDING", "DELETE IN_PROGRESS", "CREATE STOPPING",
         "STOP PENDING", "STOP IN_PROGRESS", "START PENDING", "START IN_PROGRESS", "PENDING", "IN_PROGRESS")


def missing(kind):
    """An ARN of the right form that nothing has."""
    place = "arn:aws:personalize:us-east-1:000000000000"
    forms = {"DatasetGroup": "dataset-group/none", "Schema": "schema/none", "Dataset": "dataset/none/INTERACTIONS",
             "EventTracker": "event-tracker/00000000", "SolutionVersion": "solution/none/00000000"}
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in kind).lstrip("-")
    return f"{place}:{forms.get(kind, f'{words}/none')}"
