"""What no test can bring about, and why: the one place for it. The ledger checks that it is still true."""

from .model import OPERATIONS

IN_USE, LIMIT, EXISTS = "ResourceInUseException", "LimitExceededException", "ResourceAlreadyExistsException"
TAGS, NOT_FOUND, TOKEN = "TooManyTagsException", "ResourceNotFoundException", "InvalidNextTokenException"

AT_ONCE = ("what it needs or changes is ACTIVE as soon as it is created and gone as soon as it is deleted, so it is never in "
           "a state that forbids the call")
VERSION = "a version that is not ACTIVE is answered InvalidInputException, as documented for batch jobs"
NO_QUOTA = "no quota counts these: there is one dataset of a type, one tracker and one attribution in a group"
TAG_LIMIT = "too many tags are answered TooManyTagsException"
UPDATE_LIMIT = "an update creates nothing that a quota counts"
TAG_STATE = "tags may be read and changed whatever the state of their resource"

_CASES = {
    AT_ONCE: [("CreateDataDeletionJob", IN_USE), ("CreateDataset", IN_USE), ("CreateDatasetExportJob", IN_USE),
              ("CreateDatasetImportJob", IN_USE), ("CreateEventTracker", IN_USE), ("CreateMetricAttribution", IN_USE),
              ("CreateRecommender", IN_USE), ("CreateSolution", IN_USE), ("CreateSolutionVersion", IN_USE),
              ("DeleteEventTracker", IN_USE), ("DeleteMetricAttribution", IN_USE), ("UpdateMetricAttribution", IN_USE),
              ("UpdateDataset", IN_USE), ("UpdateSolution", IN_USE), ("PutItems", IN_USE), ("PutUsers", IN_USE),
              ("PutActions", IN_USE), ("PutActionInteractions", IN_USE)],
    VERSION: [("CreateBatchInferenceJob", IN_USE), ("CreateBatchSegmentJob", IN_USE)],
    NO_QUOTA: [("CreateDataset", LIMIT), ("CreateEventTracker", LIMIT), ("CreateMetricAttribution", LIMIT)],
    TAG_LIMIT: [("TagResource", LIMIT)],
    UPDATE_LIMIT: [("UpdateSolution", LIMIT)],
    TAG_STATE: [(name, IN_USE) for name in ("TagResource", "UntagResource", "ListTagsForResource")],
}
UNPROVOKED = {case: reason for reason, cases in _CASES.items() for case in cases}

UNANSWERED = {
    "GetActionRecommendations": "no recipe of actions can be trained yet; every campaign answers that it is of another recipe",
}

# Lists whose resources cannot be had in number.
FEW = {
    "ListRecipes": "they are built in",
    "ListMetricAttributionMetrics": "an attribution has at most ten metrics",
    "ListBatchSegmentJobs": "what they are of takes a training that other lists do without",
}

for name, code in UNPROVOKED:
    if code not in OPERATIONS[name].errors:
        raise ValueError(f"{name} does not model {code}")
