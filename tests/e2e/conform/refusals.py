"""Provokes modelled exceptions in worlds that are there: what is missing, taken, in use or too much."""

import time

from .creations import UNTAGGED, one_more, parents, too_many_tags
from .kinds import KINDS, missing
from .world import ROLE

NOT_FOUND, EXISTS, IN_USE = "ResourceNotFoundException", "ResourceAlreadyExistsException", "ResourceInUseException"


def not_found_at_creation(world):
    for kind in KINDS:
        for arguments, arn in parents(kind, one_more(world, kind)):
            world.palate.refused(NOT_FOUND, f"Create{kind}", arn, **arguments)
    # A filter is looked for when a job names it, a recipe when a solution does.
    world.palate.refused(NOT_FOUND, "CreateBatchInferenceJob", missing("Filter"), filterArn=missing("Filter"),
                         **one_more(world, "BatchInferenceJob"))
    for kind in ("Solution", "Recommender"):
        world.palate.refused(NOT_FOUND, f"Create{kind}", "recipe/none", **{
            **one_more(world, kind), "recipeArn": "arn:aws:personalize:::recipe/none"})


def not_found(world):
    refused = world.palate.refused
    for kind in KINDS.values():
        arn = missing(kind.name)
        refused(NOT_FOUND, f"Describe{kind.name}", arn, **{kind.arn: arn})
        if kind.deletable:
            refused(NOT_FOUND, f"Delete{kind.name}", arn, **{kind.arn: arn})
    for name in ("recipe", "algorithm", "feature-transformation"):
        words = "".join(word.capitalize() for word in name.split("-"))
        member = f"{words[0].lower()}{words[1:]}Arn"
        refused(NOT_FOUND, f"Describe{words}", "none", **{member: f"arn:aws:personalize:::{name}/none"})
    for name in ("GetSolutionMetrics", "StopSolutionVersionCreation"):
        refused(NOT_FOUND, name, missing("SolutionVersion"), solutionVersionArn=missing("SolutionVersion"))
    for name in ("StartRecommender", "StopRecommender"):
        refused(NOT_FOUND, name, missing("Recommender"), recommenderArn=missing("Recommender"))
    refused(NOT_FOUND, "ListSolutionVersions", missing("Solution"), solutionArn=missing("Solution"))
    for kind in KINDS.values():
        if kind.name not in UNTAGGED:
            for name, more in (("ListTagsForResource", {}), ("UntagResource", {"tagKeys": ["k"]}),
                               ("TagResource", {"tags": [{"tagKey": "k", "tagValue": "v"}]})):
                refused(NOT_FOUND, name, missing(kind.name), resourceArn=missing(kind.name), **more)
    refused(NOT_FOUND, "UpdateCampaign", missing("Campaign"), campaignArn=missing("Campaign"), minProvisionedTPS=1)
    refused(NOT_FOUND, "UpdateDataset", missing("Dataset"), datasetArn=missing("Dataset"), schemaArn=world["schema Items"])
    refused(NOT_FOUND, "UpdateMetricAttribution", missing("MetricAttribution"),
            metricAttributionArn=missing("MetricAttribution"))
    refused(NOT_FOUND, "UpdateRecommender", missing("Recommender"), recommenderArn=missing("Recommender"),
            recommenderConfig={})
    refused(NOT_FOUND, "UpdateSolution", missing("Solution"), solutionArn=missing("Solution"), performAutoTraining=False)
    # Parents that exist, in calls that name something else that does not.
    refused(NOT_FOUND, "UpdateDataset", missing("Schema"), datasetArn=world["Users"], schemaArn=missing("Schema"))
    refused(NOT_FOUND, "UpdateCampaign", missing("SolutionVersion"), campaignArn=world["popular campaign"],
            solutionVersionArn=missing("SolutionVersion"))


def not_found_at_runtime(world):
    refused = world.palate.refused
    for name, more in (("GetRecommendations", {"userId": "u"}), ("GetActionRecommendations", {"userId": "u"}),
                       ("GetPersonalizedRanking", {"userId": "u", "inputList": ["i"]})):
        refused(NOT_FOUND, name, missing("Campaign"), campaignArn=missing("Campaign"), **more)
    refused(NOT_FOUND, "GetRecommendations", missing("Recommender"), recommenderArn=missing("Recommender"), userId="u")
    refused(NOT_FOUND, "GetRecommendations", missing("Filter"), campaignArn=world["personal campaign"], userId="u",
            filterArn=missing("Filter"))
    place = missing("Dataset").removesuffix("INTERACTIONS")
    refused(NOT_FOUND, "PutItems", "ITEMS", datasetArn=f"{place}ITEMS", items=[{"itemId": "i"}])
    refused(NOT_FOUND, "PutUsers", "USERS", datasetArn=f"{place}USERS", users=[{"userId": "u"}])
    refused(NOT_FOUND, "PutActions", "ACTIONS", datasetArn=f"{place}ACTIONS", actions=[{"actionId": "a"}])
    refused(NOT_FOUND, "PutActionInteractions", trackingId="none", actionInteractions=[
        {"actionId": "a", "sessionId": "s", "timestamp": int(time.time()), "eventType": "Taken"}])
    # PutEvents models no other exception.
    refused("InvalidInputException", "PutEvents", trackingId="none", sessionId="s", eventList=[
        {"eventType": "watch", "itemId": "i", "sentAt": int(time.time())}])


def taken(world):
    """The same name again, or a second one where there may be one."""
    for kind, key, name in (
            ("DatasetGroup", "group", "films"), ("Schema", None, "films-Items"), ("DatasetImportJob", None, "films-Items"),
            ("DatasetExportJob", None, "films"), ("DataDeletionJob", None, "films"), ("Filter", None, "cheap"),
            ("Solution", None, "popular"), ("Campaign", None, "popular"), ("Recommender", None, "picks"),
            ("BatchInferenceJob", None, "films"), ("BatchSegmentJob", None, "films")):
        arguments = {**one_more(world, kind), KINDS[kind].called: name}
        world.palate.refused(EXISTS, f"Create{kind}", name, **arguments)
    for kind in ("Dataset", "EventTracker", "MetricAttribution"):
        world.palate.refused(EXISTS, f"Create{kind}", **one_more(world, kind))
    world.palate.refused(EXISTS, "CreateSolutionVersion", name="popular-1", solutionArn=world["popular"])
    world.palate.refused(EXISTS, "UpdateMetricAttribution", "watches", metricAttributionArn=world["attribution"], addMetrics=[
        {"eventType": "watch", "metricName": "watches", "expression": "SAMPLECOUNT()"}])


def too_many(world):
    """Tags: more than fifty at once, more than fifty in all, and more keys than there can be tags."""
    for kind in KINDS:
        if kind not in (*UNTAGGED, "EventTracker", "Dataset"):
            world.palate.refused("TooManyTagsException", f"Create{kind}", tags=too_many_tags(), **one_more(world, kind))
    # One tracker a group and one dataset of a type: in the videos' group there is room for them.
    world.palate.refused("TooManyTagsException", "CreateEventTracker", tags=too_many_tags(), name="t",
                         datasetGroupArn=world["videos"])
    world.palate.refused("TooManyTagsException", "CreateDataset", tags=too_many_tags(), name="d", datasetGroupArn=world["lone"],
                         datasetType="Users", schemaArn=world["schema Users"])
    world.palate("TagResource", resourceArn=world["lone"], tags=too_many_tags(50))
    more = [{"tagKey": "one more", "tagValue": ""}]
    world.palate.refused("TooManyTagsException", "TagResource", resourceArn=world["lone"], tags=more)
    world.palate.refused("TooManyTagsException", "TagResource", resourceArn=world["lone"], tags=too_many_tags())
    keys = [f"key-{i}" for i in range(51)]
    world.palate.refused("TooManyTagKeysException", "UntagResource", resourceArn=world["lone"], tagKeys=keys)
    world.palate("UntagResource", resourceArn=world["lone"], tagKeys=keys[:50])
    found = world.palate("ListTagsForResource", resourceArn=world["lone"])["tags"]
    world.expect("UntagResource", found == [], f"leaves {found}")


def a_lone_group(world):
    world.create("DatasetGroup", "lone", name="lone")


def in_use(world):
    """What others need, deleted in the wrong order."""
    for kind, key in (("DatasetGroup", "group"), ("DatasetGroup", "shop"), ("Schema", "schema Users"), ("Dataset", "Items"),
                      ("Dataset", "Interactions"), ("Solution", "popular")):
        world.palate.refused(IN_USE, f"Delete{kind}", **{KINDS[kind].arn: world[key]})
        world.describe(kind, world[key])
    world.forbidden("StopSolutionVersionCreation", solutionVersionArn=world["popular version"])


def in_use_while_training(world):
    versions = []

    def start(i):
        versions.append(world.palate("CreateSolutionVersion", solutionArn=world["personal"])["solutionVersionArn"])
        return versions[-1]

    def campaign(i):
        name = f"too-early-{i}"
        arguments = {"name": name, "solutionVersionArn": start(i)}
        return "CreateCampaign", arguments, lambda: drop_campaign(name)

    def drop_campaign(name):
        world.arns[name] = f"{missing('Campaign').removesuffix('none')}{name}"
        world.settled("Campaign", name)
        world.delete("Campaign", name)

    def metrics(i):
        return "GetSolutionMetrics", {"solutionVersionArn": start(i)}, lambda: None

    world.raced(IN_USE, campaign)
    world.raced(IN_USE, metrics)
    wait_for_versions(world, versions)

    # Stopped while it is trained; and stopped again while it is being stopped.
    def stop_twice(i):
        world.arns["stopped"] = start(i)
        for _ in range(200):
            if world.describe("SolutionVersion", world["stopped"])["status"] != "CREATE PENDING":
                break
        arguments = {"solutionVersionArn": world["stopped"]}
        world.palate.attempt("StopSolutionVersionCreation", **arguments)
        return "StopSolutionVersionCreation", arguments, lambda: None

    world.raced(IN_USE, stop_twice, late="InvalidInputException")
    wait_for_versions(world, versions)
    ended = {world.describe("SolutionVersion", version)["status"] for version in versions}
    world.expect("StopSolutionVersionCreation", "CREATE STOPPED" in ended, f"versions that were stopped are {ended}")


def wait_for_versions(world, versions):
    for version in versions:
        world.arns["one of many"] = version
        world.settled("SolutionVersion", "one of many", None)


def in_use_while_deploying(world):
    def update(i):
        world.settled("Campaign", "similar campaign", update="latestCampaignUpdate")
        world.palate("UpdateCampaign", campaignArn=world["similar campaign"], minProvisionedTPS=2 + i % 2)
        return "UpdateCampaign", {"campaignArn": world["similar campaign"], "minProvisionedTPS": 5}, lambda: None

    def delete(i):
        name = f"hurried-{i}"
        world.palate("CreateCampaign", name=name, solutionVersionArn=world["popular version"])
        world.arns["hurried"] = f"{missing('Campaign').removesuffix('none')}{name}"
        return "DeleteCampaign", {"campaignArn": world["hurried"]}, lambda: None

    world.raced(IN_USE, update)
    world.settled("Campaign", "similar campaign", update="latestCampaignUpdate")
    world.raced(IN_USE, delete)
    world.settled("Campaign", "hurried")
    world.delete("Campaign", "hurried")


def in_use_while_answering(world):
    """A filter while a batch inference job uses it."""
    lines = b"".join(b'{"userId": "user-%05d"}\n' % (i % 120) for i in range(20_000))
    source = world.upload("batch/in/many.json", lines)

    def delete(i):
        name = f"short-lived-{i}"
        world.create("Filter", name, name=name, datasetGroupArn=world["group"],
                     filterExpression="EXCLUDE ItemID WHERE Items.PRICE > 3")
        world.start("BatchInferenceJob", "long batch", jobName=name, solutionVersionArn=world["personal version"], roleArn=ROLE,
                    filterArn=world[name], jobInput={"s3DataSource": {"path": source}},
                    jobOutput={"s3DataDestination": {"path": f"s3://{world.bucket}/batch/many/{i}/"}})
        world.arns["short-lived"] = world[name]
        return "DeleteFilter", {"filterArn": world[name]}, lambda: world.settled("BatchInferenceJob", "long batch")

    world.raced(IN_USE, delete)
    world.settled("BatchInferenceJob", "long batch")
    world.delete("Filter", "short-lived")


def in_use_while_recommenders_train(world):
    def early(operation, more):
        def attempt(i):
            name = f"{operation.lower()}-{i}"
            world.start("Recommender", "early", name=name, datasetGroupArn=world["shop"],
                        recipeArn="arn:aws:personalize:::recipe/aws-ecomm-popular-items-by-views")
            return operation, {"recommenderArn": world["early"], **more}, lambda: undo()

        def undo():
            if operation != "DeleteRecommender":
                world.settled("Recommender", "early", update="latestRecommenderUpdate")
                world.delete("Recommender", "early")

        return attempt

    for operation, more in (("UpdateRecommender", {"recommenderConfig": {"minRecommendationRequestsPerSecond": 2}}),
                            ("DeleteRecommender", {})):
        world.raced(IN_USE, early(operation, more))
        world.settled("Recommender", "early")
        world.delete("Recommender", "early")


STEPS = [a_lone_group, not_found_at_creation, not_found, not_found_at_runtime, taken, too_many, in_use, in_use_while_training,
         in_use_while_deploying, in_use_while_answering, in_use_while_recommenders_train]
