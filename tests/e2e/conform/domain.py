"""Two domain worlds, a shop's and a film service's, up to recommenders that answer, stop and start."""

from .tables import schema, shop
from .world import ROLE, holds

RECIPE = "arn:aws:personalize:::recipe/{}"
DOMAINS = {"shop": ("ECOMMERCE", ("View", "Purchase")), "videos": ("VIDEO_ON_DEMAND", ("Watch",))}


def groups(world):
    for name, (domain, events) in DOMAINS.items():
        answer = world.create("DatasetGroup", name, name=name, domain=domain)
        world.expect("CreateDatasetGroup", answer.get("domain") == domain, f"answers the domain {answer.get('domain')}")
        for table, content in shop(events).items():
            type_ = table.removeprefix("Shop")
            if type_ == "Items" and domain != "ECOMMERCE":
                continue
            key = f"{name} {type_}"
            world.create("Schema", f"schema {key}", name=f"{name}-{type_}", schema=schema(table), domain=domain)
            world.create("Dataset", key, loose=("datasetType",), name=type_, schemaArn=world[f"schema {key}"],
                         datasetGroupArn=world[name], datasetType=type_)
            location = world.upload(f"{name}/{table}.csv", content)
            world.create("DatasetImportJob", f"import {key}", jobName=f"{name}-{type_}", datasetArn=world[key], roleArn=ROLE,
                         dataSource={"dataLocation": location})


def recommenders(world):
    tags = [{"tagKey": "page", "tagValue": "home"}]
    config = {"minRecommendationRequestsPerSecond": 2, "enableMetadataWithRecommendations": True,
              "trainingDataConfig": {"excludedDatasetColumns": {"ITEMS": ["PRICE"]}}}
    world.create("Recommender", "viewed", name="viewed", datasetGroupArn=world["shop"], recommenderConfig=config, tags=tags,
                 recipeArn=RECIPE.format("aws-ecomm-popular-items-by-views"))
    world.create("Recommender", "bought", name="bought", datasetGroupArn=world["shop"],
                 recipeArn=RECIPE.format("aws-ecomm-popular-items-by-purchases"))
    world.create("Recommender", "watched", name="watched", datasetGroupArn=world["videos"],
                 recipeArn=RECIPE.format("aws-vod-most-popular"))
    world.create("Recommender", "picks", name="picks", datasetGroupArn=world["videos"],
                 recipeArn=RECIPE.format("aws-vod-top-picks"),
                 recommenderConfig={"itemExplorationConfig": {"explorationWeight": "0.2", "explorationItemAgeCutOff": "20"}})
    described = world.describe("Recommender", world["viewed"])
    world.expect("DescribeRecommender", described.get("modelMetrics"), "of an ACTIVE recommender has no modelMetrics")
    found = world.palate("ListTagsForResource", resourceArn=world["viewed"])["tags"]
    world.expect("ListTagsForResource", found == tags, f"of a recommender gives {found}")


def recommendations(world):
    for key in ("viewed", "bought", "watched"):
        answer = world.palate("GetRecommendations", recommenderArn=world[key], userId="user-00001", numResults=10)
        items = answer["itemList"]
        world.expect("GetRecommendations", len(items) == 10, f"of {key} gives {len(items)} items of 10")
        world.expect("GetRecommendations", not any("score" in item for item in items), "of a recommender gives scores")
    answer = world.palate("GetRecommendations", recommenderArn=world["viewed"], userId="user-00001", numResults=5,
                          metadataColumns={"ITEMS": ["PRICE", "CATEGORY_L1"]})
    found = [sorted(item.get("metadata", {})) for item in answer["itemList"]]
    world.expect("GetRecommendations", found == [["category_l1", "price"]] * 5, f"with metadata gives {found}")


def stops_and_starts(world):
    call, key = world.palate, "viewed"
    arn = world[key]
    world.forbidden("StartRecommender", recommenderArn=arn)
    answer = call("StopRecommender", recommenderArn=arn)
    world.expect("StopRecommender", answer["recommenderArn"] == arn, f"answers {answer['recommenderArn']}")
    world.settled("Recommender", key, "INACTIVE")
    world.forbidden("StopRecommender", recommenderArn=arn)
    call.refused("InvalidInputException", "GetRecommendations", recommenderArn=arn, userId="user-00001")
    answer = call("StartRecommender", recommenderArn=arn)
    world.expect("StartRecommender", answer["recommenderArn"] == arn, f"answers {answer['recommenderArn']}")
    world.settled("Recommender", key)
    call("GetRecommendations", recommenderArn=arn, userId="user-00001")


def hurried_stops_and_starts(world):
    """The other call before the first one has come to its end."""
    call, arn = world.palate, world["viewed"]

    def between(first, second, before, after):
        def attempt(_):
            if world.settled("Recommender", "viewed", None)["status"] != before:
                call(second, recommenderArn=arn)
                world.settled("Recommender", "viewed", before)
            call(first, recommenderArn=arn)
            return second, {"recommenderArn": arn}, lambda: world.settled("Recommender", "viewed", None)

        world.raced("ResourceInUseException", attempt)
        world.settled("Recommender", "viewed", after)

    between("StopRecommender", "StartRecommender", "ACTIVE", "INACTIVE")
    between("StartRecommender", "StopRecommender", "INACTIVE", "ACTIVE")


def updates(world):
    call, arn, key = world.palate, world["viewed"], "viewed"
    config = {"minRecommendationRequestsPerSecond": 3, "enableMetadataWithRecommendations": False,
              "trainingDataConfig": {"excludedDatasetColumns": {"ITEMS": ["PRICE"]}}}
    call("UpdateRecommender", recommenderArn=arn, recommenderConfig=config)
    described = world.settled("Recommender", key, update="latestRecommenderUpdate")
    world.expect("DescribeRecommender", described.get("latestRecommenderUpdate", {}).get("status") == "ACTIVE"
                 and holds(described["recommenderConfig"], config), f"after UpdateRecommender: {described}")


STEPS = [groups, recommenders, recommendations, stops_and_starts, hurried_stops_and_starts, updates]
