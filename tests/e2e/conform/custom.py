"""A custom world, step by step: what somebody does who brings data and wants recommendations."""

import json
import time

from .tables import TYPES, custom, schema
from .world import ROLE

RECIPE = "arn:aws:personalize:::recipe/{}"
TAGS = [{"tagKey": "team", "tagValue": "books and films"}, {"tagKey": "stage", "tagValue": ""}]
METRICS = {"coverage", "mean_reciprocal_rank_at_25"} | {
    f"{name}_at_{k}" for name in ("normalized_discounted_cumulative_gain", "precision") for k in (5, 10, 25)}


def built_in(world):
    """Recipes, their algorithms and feature transformations."""
    recipes = world.every("ListRecipes", "recipes")
    names = [recipe["name"] for recipe in recipes]
    world.expect("ListRecipes", names == sorted(names), f"is not sorted by name: {names}")
    for domain in ("ECOMMERCE", "VIDEO_ON_DEMAND"):
        some = world.palate("ListRecipes", domain=domain, recipeProvider="SERVICE")["recipes"]
        wanted = [recipe for recipe in recipes if recipe.get("domain") == domain]
        world.expect("ListRecipes", some == wanted, f"of {domain} is {[recipe['name'] for recipe in some]}")
        world.expect("ListRecipes", len(some) == 5, f"of {domain} has {len(some)} recipes; there are 5")
    for summary in recipes:
        recipe = world.palate("DescribeRecipe", recipeArn=summary["recipeArn"])["recipe"]
        world.expect("DescribeRecipe", recipe["name"] == summary["name"], f"is another one for {summary['recipeArn']}")
        algorithm = world.palate("DescribeAlgorithm", algorithmArn=recipe["algorithmArn"])["algorithm"]
        world.expect("DescribeAlgorithm", algorithm["algorithmArn"] == recipe["algorithmArn"], f"of {recipe['name']}")
        arn = recipe["featureTransformationArn"]
        found = world.palate("DescribeFeatureTransformation", featureTransformationArn=arn)["featureTransformation"]
        world.expect("DescribeFeatureTransformation", found["status"] == "ACTIVE", f"of {recipe['name']} is {found}")


def group(world):
    world.palate.s3.create_bucket(Bucket=world.bucket)
    answer = world.create("DatasetGroup", "group", name="films", tags=TAGS)
    world.expect("CreateDatasetGroup", "domain" not in answer, "of a custom group answers a domain")
    for table in (*TYPES, "WiderItems"):
        world.create("Schema", f"schema {table}", name=f"films-{table}", schema=schema(table))


def datasets(world):
    for table, type_ in TYPES.items():
        world.create("Dataset", table, loose=("datasetType",), name=f"films-{table}", schemaArn=world[f"schema {table}"],
                     datasetGroupArn=world["group"], datasetType=type_, tags=TAGS)
        described = world.describe("Dataset", world[table])
        world.expect("DescribeDataset", world[table].endswith(f"dataset/films/{type_.upper()}"), f"has the ARN {world[table]}")
        tracked = table == "ActionInteractions"
        world.expect("DescribeDataset", tracked == ("trackingId" in described), f"of {table}: trackingId")
        if "trackingId" in described:
            world.arns["tracking id of actions"] = described["trackingId"]


def imports(world):
    """One after the other, so that Amazon's quota of pending jobs holds."""
    for table, content in custom().items():
        location = world.upload(f"films/{table}.csv", content)
        world.create("DatasetImportJob", f"import {table}", jobName=f"films-{table}", datasetArn=world[table], roleArn=ROLE,
                     dataSource={"dataLocation": location}, importMode="FULL", tags=TAGS)
    location = world.upload("films/more/items.csv", b"ITEM_ID,GENRE,PRICE\nitem-new,genre-1|genre-2,\n")
    world.create("DatasetImportJob", "more items", jobName="films-more-items", datasetArn=world["Items"], roleArn=ROLE,
                 dataSource={"dataLocation": location.removesuffix("items.csv")}, importMode="INCREMENTAL")
    world.create("DatasetImportJob", "nothing to import", "CREATE FAILED", jobName="films-nothing", datasetArn=world["Items"],
                 roleArn=ROLE, dataSource={"dataLocation": f"s3://{world.bucket}/nothing.csv"})


def streams(world):
    answer = world.create("EventTracker", "tracker", name="films", datasetGroupArn=world["group"], tags=TAGS)
    described = world.describe("EventTracker", world["tracker"])
    world.expect("DescribeEventTracker", described["trackingId"] == answer["trackingId"], "has another tracking id")
    now = int(time.time())
    put = world.palate
    put("PutEvents", trackingId=answer["trackingId"], sessionId="s", userId="user-00001", eventList=[
        {"eventId": "1", "eventType": "watch", "eventValue": 4.5, "itemId": "item-00-01", "sentAt": now,
         "recommendationId": "RID-1", "impression": ["item-00-01", "item-00-02"],
         "metricAttribution": {"eventAttributionSource": "newsletter"}},
        {"eventType": "watch", "sentAt": now, "properties": json.dumps({"itemId": "item-00-03", "eventValue": 2})}])
    put("PutEvents", trackingId=answer["trackingId"], sessionId="nobody yet", eventList=[
        {"eventType": "watch", "itemId": "item-00-01", "sentAt": now}])
    put("PutItems", datasetArn=world["Items"], items=[
        {"itemId": "item-put", "properties": json.dumps({"genre": "genre-1", "price": 3})}, {"itemId": "item-bare"}])
    put("PutUsers", datasetArn=world["Users"], users=[
        {"userId": "user-put", "properties": json.dumps({"age": "30", "city": "Lyon"})}])
    put("PutActions", datasetArn=world["Actions"], actions=[
        {"actionId": "action-put", "properties": json.dumps({"value": 3, "kind": "kind-1"})}])
    put("PutActionInteractions", trackingId=world["tracking id of actions"], actionInteractions=[
        {"actionId": "action-1", "userId": "user-00001", "sessionId": "s", "timestamp": now, "eventType": "Taken",
         "eventId": "a", "recommendationId": "RID-1", "impression": ["action-1", "action-2"]},
        {"actionId": "action-2", "sessionId": "s", "timestamp": now, "eventType": "Not Taken"}])


def filters(world):
    for key, expression in {
        "of a genre": "INCLUDE ItemID WHERE Items.GENRE IN ($GENRE)",
        "not watched": 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("watch")',
        "cheap": "INCLUDE ItemID WHERE Items.PRICE <= 3",
        "users": "INCLUDE UserID WHERE Users.AGE > 20",
    }.items():
        world.create("Filter", key, name=key.replace(" ", "-"), datasetGroupArn=world["group"], filterExpression=expression,
                     tags=TAGS)


def solutions(world):
    common = {"datasetGroupArn": world["group"], "performAutoTraining": False}
    world.create("Solution", "popular", name="popular", recipeArn=RECIPE.format("aws-popularity-count"), tags=TAGS, **common)
    world.create("Solution", "similar", name="similar", recipeArn=RECIPE.format("aws-sims"), eventType="watch", solutionConfig={
        "algorithmHyperParameters": {"popularity_discount_factor": "0.7"},
        "featureTransformationParameters": {"min_user_history_length_percentile": "0.0"}}, **common)
    world.create("Solution", "personal", name="personal", recipeArn=RECIPE.format("palate-transitions"), **common)
    world.create("Solution", "tuned", name="tuned", recipeArn=RECIPE.format("aws-sims"), performHPO=True,
                 loose=("solutionConfig",), solutionConfig={"hpoConfig": {
                     "hpoResourceConfig": {"maxNumberOfTrainingJobs": "4", "maxParallelTrainingJobs": "2"},
                     "algorithmHyperParameterRanges": {
                         "integerHyperParameterRanges": [{"name": "min_cointeraction_count", "minValue": 1, "maxValue": 9}],
                         "continuousHyperParameterRanges": [
                             {"name": "popularity_discount_factor", "minValue": 0.2, "maxValue": 0.8}],
                         "categoricalHyperParameterRanges": []}}}, **common)
    world.create("Solution", "weighted", name="weighted", recipeArn=RECIPE.format("aws-user-personalization-v2"),
                 datasetGroupArn=world["group"], performAutoTraining=True, solutionConfig={
                     "autoTrainingConfig": {"schedulingExpression": "rate(30 days)"},
                     "eventsConfig": {"eventParametersList": [
                         {"eventType": "watch", "eventValueThreshold": 0.5, "weight": 0.3}]},
                     "trainingDataConfig": {"excludedDatasetColumns": {"Items": ["PRICE"]}}})
    world.create("Solution", "segments", name="segments", recipeArn=RECIPE.format("aws-item-affinity"), **common)
    world.palate("UpdateSolution", solutionArn=world["weighted"], performAutoTraining=True, solutionUpdateConfig={
        "autoTrainingConfig": {"schedulingExpression": "rate(1 day)"},
        "eventsConfig": {"eventParametersList": [{"eventType": "watch", "weight": 1}]}})
    described = world.settled("Solution", "weighted", update="latestSolutionUpdate")
    config = described["solutionConfig"]
    world.expect("DescribeSolution", config["autoTrainingConfig"]["schedulingExpression"] == "rate(1 day)",
                 f"after UpdateSolution: {config}")
    world.expect("DescribeSolution", "latestSolutionUpdate" in described, "has no latestSolutionUpdate after an update")


def versions(world):
    for key in ("popular", "similar", "personal"):
        world.create("SolutionVersion", f"{key} version", name=f"{key}-1", solutionArn=world[key], trainingMode="FULL",
                     tags=TAGS)
        answer = world.palate("GetSolutionMetrics", solutionVersionArn=world[f"{key} version"])
        world.expect("GetSolutionMetrics", set(answer["metrics"]) == METRICS, f"of {key}: {sorted(answer['metrics'])}")
        described = world.describe("Solution", world[key])
        latest = described.get("latestSolutionVersion", {}).get("solutionVersionArn")
        world.expect("DescribeSolution", latest == world[f"{key} version"], f"latestSolutionVersion of {key} is {latest}")
        version = world.describe("SolutionVersion", world[f"{key} version"])
        world.expect("DescribeSolutionVersion", "trainingHours" in version, "of an ACTIVE version has no trainingHours")
        how = version.get("trainingType")
        world.expect("DescribeSolutionVersion", how == "MANUAL", f"trainingType is {how}")
    world.create("SolutionVersion", "tuned version", solutionArn=world["tuned"])
    tuned = world.describe("SolutionVersion", world["tuned version"]).get("tunedHPOParams", {})
    names = sorted(tuned.get("algorithmHyperParameters", {}))
    world.expect("DescribeSolutionVersion", names == ["min_cointeraction_count", "popularity_discount_factor"],
                 f"tunedHPOParams has {names}")
    world.create("SolutionVersion", "segments version", solutionArn=world["segments"])
    answer = world.palate("GetSolutionMetrics", solutionVersionArn=world["segments version"])
    names = {"coverage", "hits_at_1_percent", "recall_at_1_percent"}
    world.expect("GetSolutionMetrics", set(answer["metrics"]) == names, f"of segments: {sorted(answer['metrics'])}")


def campaigns(world):
    for key in ("popular", "similar"):
        world.create("Campaign", f"{key} campaign", name=key, solutionVersionArn=world[f"{key} version"], minProvisionedTPS=1,
                     tags=TAGS)
    world.create("Campaign", "personal campaign", name="personal", solutionVersionArn=world["personal version"],
                 campaignConfig={"enableMetadataWithRecommendations": True})
    config = {"syncWithLatestSolutionVersion": True}
    world.create("Campaign", "latest campaign", loose=("solutionVersionArn",), name="latest",
                 solutionVersionArn=f"{world['popular']}/$LATEST", campaignConfig=config)
    deployed = world.describe("Campaign", world["latest campaign"])["solutionVersionArn"]
    world.expect("DescribeCampaign", deployed == world["popular version"], f"$LATEST of popular is {deployed}")
    world.palate("UpdateCampaign", campaignArn=world["popular campaign"], minProvisionedTPS=2)
    described = world.settled("Campaign", "popular campaign", update="latestCampaignUpdate")
    world.expect("DescribeCampaign", described["minProvisionedTPS"] == 2 and "latestCampaignUpdate" in described,
                 f"after UpdateCampaign: {described}")


def recommendations(world):
    ask, campaign = world.palate, world["personal campaign"]
    answer = ask("GetRecommendations", campaignArn=world["popular campaign"], userId="nobody")
    world.expect("GetRecommendations", len(answer["itemList"]) == 25, f"gives {len(answer['itemList'])} items of 25")
    world.expect("GetRecommendations", len(answer["recommendationId"]) == 40, f"recommendationId {answer['recommendationId']}")
    ask("GetRecommendations", campaignArn=world["similar campaign"], itemId="item-00-01", numResults=10)
    world.expect("GetRecommendations", not ask("GetRecommendations", campaignArn=campaign, userId="u", numResults=0)["itemList"],
                 "gives items though numResults is 0")
    answer = ask("GetRecommendations", campaignArn=campaign, userId="user-00001", numResults=20, context={"DEVICE": "phone"},
                 filterArn=world["of a genre"], filterValues={"GENRE": '"genre-1"'},
                 metadataColumns={"ITEMS": ["GENRE", "PRICE"]})
    found = [item.get("metadata", {}).get("genre") for item in answer["itemList"]]
    world.expect("GetRecommendations", found and set(found) == {"genre-1"}, f"filtered by genre-1 gives {found}")
    world.expect("GetRecommendations", all("score" in item for item in answer["itemList"]), "gives no scores")
    answer = ask("GetRecommendations", campaignArn=campaign, userId="user-00001", numResults=20, filterArn=world["not watched"],
                 promotions=[{"name": "cheap", "percentPromotedItems": 20, "filterArn": world["cheap"]}])
    promoted = [item for item in answer["itemList"] if item.get("promotionName") == "cheap"]
    world.expect("GetRecommendations", len(promoted) == 4, f"promotes {len(promoted)} of 20 items; 20 percent are 4")
    wanted = ["item-00-01", "item-03-07", "not known"]
    answer = ask("GetPersonalizedRanking", campaignArn=campaign, userId="user-00001", inputList=wanted,
                 context={"DEVICE": "phone"}, metadataColumns={"ITEMS": ["PRICE"]})
    ranked = [item["itemId"] for item in answer["personalizedRanking"]]
    world.expect("GetPersonalizedRanking", sorted(ranked) == sorted(wanted) and ranked[-1] == "not known", f"gives {ranked}")
    ask("GetPersonalizedRanking", campaignArn=campaign, userId="user-00001", inputList=wanted, filterArn=world["cheap"])
    # No recipe of actions can be trained yet, so every campaign is one of another recipe.
    ask.refused("InvalidInputException", "GetActionRecommendations", campaignArn=campaign, userId="user-00001", numResults=5)


def batches(world):
    lines = [{"userId": f"user-{i:05}", "filterValues": {"GENRE": '"genre-2"'}} for i in range(20)]
    source = world.upload("batch/in/users.json", "".join(json.dumps(line) + "\n" for line in lines).encode())
    world.create("BatchInferenceJob", "batch", jobName="films", solutionVersionArn=world["personal version"], roleArn=ROLE,
                 jobInput={"s3DataSource": {"path": source}}, filterArn=world["of a genre"], numResults=7, tags=TAGS,
                 batchInferenceJobMode="BATCH_INFERENCE",
                 jobOutput={"s3DataDestination": {"path": f"s3://{world.bucket}/batch/out/"}})
    body = world.palate.s3.get_object(Bucket=world.bucket, Key="batch/out/users.json.out")["Body"].read()
    answers = [json.loads(line) for line in body.splitlines()]
    right = [answer["error"] is None and len(answer["output"]["recommendedItems"]) == 7 for answer in answers]
    world.expect("CreateBatchInferenceJob", len(answers) == 20 and all(right), f"wrote {answers[:2]}")
    segments(world)


def segments(world):
    lines = [{"itemId": "item-00-01"}, {"itemId": "not known"}]
    source = world.upload("segments/in/items.json", "".join(json.dumps(line) + "\n" for line in lines).encode())
    paths = {"jobInput": {"s3DataSource": {"path": source}},
             "jobOutput": {"s3DataDestination": {"path": f"s3://{world.bucket}/segments/out/"}}}
    world.palate.refused("InvalidInputException", "CreateBatchSegmentJob", jobName="films", roleArn=ROLE,
                         solutionVersionArn=world["personal version"], **paths)
    world.create("BatchSegmentJob", "segment job", jobName="films", roleArn=ROLE, numResults=7, tags=TAGS,
                 solutionVersionArn=world["segments version"], **paths)
    body = world.palate.s3.get_object(Bucket=world.bucket, Key="segments/out/items.json.out")["Body"].read()
    found, missing = [json.loads(line) for line in body.splitlines()]
    world.expect("CreateBatchSegmentJob", found["error"] is None and len(set(found["output"]["usersList"])) == 7,
                 f"wrote {found}")
    world.expect("CreateBatchSegmentJob", missing["output"] is None and "not known" in missing["error"], f"wrote {missing}")


def reports(world):
    """Data out again, users forgotten, metrics attributed."""
    location = world.upload("delete/users.csv", b"USER_ID\nuser-00007\n")
    world.create("DatasetExportJob", "export", jobName="films", datasetArn=world["Interactions"], roleArn=ROLE,
                 ingestionMode="ALL", jobOutput={"s3DataDestination": {"path": f"s3://{world.bucket}/export/"}}, tags=TAGS)
    world.create("DataDeletionJob", "deletion", "COMPLETED", jobName="films", datasetGroupArn=world["group"], roleArn=ROLE,
                 dataSource={"dataLocation": location}, tags=TAGS)
    metrics = [{"eventType": "watch", "metricName": "watches", "expression": "SAMPLECOUNT()"},
               {"eventType": "watch", "metricName": "spent", "expression": "SUM(Items.PRICE)"}]
    output = {"roleArn": ROLE, "s3DataDestination": {"path": f"s3://{world.bucket}/reports/"}}
    world.create("MetricAttribution", "attribution", name="films", datasetGroupArn=world["group"], metrics=metrics,
                 metricsOutputConfig=output)
    more = {"eventType": "watch", "metricName": "values", "expression": "SUM(Interactions.EVENT_VALUE)"}
    world.palate("UpdateMetricAttribution", metricAttributionArn=world["attribution"], addMetrics=[more], removeMetrics=["spent"])
    world.settled("MetricAttribution", "attribution")
    found = world.every("ListMetricAttributionMetrics", "metrics", metricAttributionArn=world["attribution"])
    names = sorted(metric["metricName"] for metric in found)
    world.expect("ListMetricAttributionMetrics", names == ["values", "watches"], f"gives {names} after an update")
    world.create("DatasetImportJob", "reported import", jobName="films-reported", roleArn=ROLE,
                 datasetArn=world["Interactions"], importMode="INCREMENTAL", publishAttributionMetricsToS3=True,
                 dataSource={"dataLocation": f"s3://{world.bucket}/films/Interactions.csv"})


def updates(world):
    world.palate("UpdateDataset", datasetArn=world["Items"], schemaArn=world["schema WiderItems"])
    described = world.settled("Dataset", "Items", update="latestDatasetUpdate")
    world.expect("DescribeDataset", described["schemaArn"] == world["schema WiderItems"], f"after UpdateDataset: {described}")
    world.expect("DescribeDataset", "latestDatasetUpdate" in described, "has no latestDatasetUpdate after an update")


def tags(world):
    """Of every kind of resource that takes them at its creation."""
    keys = ["group", "Interactions", "import Items", "tracker", "not watched", "popular", "popular version", "popular campaign",
            "batch", "export", "deletion"]
    for arn in (world[key] for key in keys):
        def told():
            found = world.palate("ListTagsForResource", resourceArn=arn)["tags"]
            return {tag["tagKey"]: tag["tagValue"] for tag in found}
        created = {tag["tagKey"]: tag["tagValue"] for tag in TAGS}
        world.expect("ListTagsForResource", told() == created, f"gives {told()} for {arn}, created with {created}")
        world.palate("TagResource", resourceArn=arn, tags=[
            {"tagKey": "stage", "tagValue": "live"}, {"tagKey": "é", "tagValue": "1"}])
        world.expect("TagResource", told() == {**created, "stage": "live", "é": "1"}, f"leaves {told()} at {arn}")
        world.palate("UntagResource", resourceArn=arn, tagKeys=["é", "stage"])
        world.expect("UntagResource", told() == {"team": "books and films"}, f"leaves {told()} at {arn}")


STEPS = [built_in, group, datasets, imports, streams, filters, solutions, versions, campaigns, recommendations, batches, reports,
         updates, tags]

