"""What is recorded of users decides what they are shown before they have done anything."""

import json

import steps
from conftest import EVERYWHERE
from data import SERIES_LENGTH, as_csv, dataset, item

CITIES = {"Köln": 2, "Lyon": 7}


def tables():
    """Users of each city walk along a series of their own, from its beginning."""
    interactions = [["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"]]
    users = [["USER_ID", "AGE", "CITY"]]
    for user in range(200):
        city = list(CITIES)[user % len(CITIES)]
        users.append([f"user-{user:05}", 30, city])
        interactions += [[f"user-{user:05}", item(CITIES[city], (user + event) % SERIES_LENGTH),
                          1_700_000_000 + 100 * user + event, "watch"] for event in range(8)]
    return {"interactions": interactions, "items": dataset(n_users=0)["items"], "users": users}


@EVERYWHERE
def test_somebody_unknown_gets_what_people_of_the_same_city_begin_with(installation):
    aws, bucket = installation.aws, "metadata"
    aws.s3.create_bucket(Bucket=bucket)
    group, datasets = steps.create_group(aws, "metadata"), {}
    for kind, rows in tables().items():
        aws.s3.put_object(Bucket=bucket, Key=f"{kind}.csv", Body=as_csv(rows))
        datasets[kind] = steps.create_dataset(aws, group, kind, "metadata")
        arn = steps.start_import(aws, datasets[kind], f"s3://{bucket}/{kind}.csv", f"metadata-{kind}")
        steps.active(lambda: steps.import_job(aws, arn))
    solution = aws.personalize.create_solution(
        name="metadata", datasetGroupArn=group, performAutoTraining=False,
        recipeArn="arn:aws:personalize:::recipe/aws-user-personalization",
        solutionConfig={"algorithmHyperParameters": {"hidden_dimension": "32"}})["solutionArn"]
    steps.active(lambda: aws.personalize.describe_solution(solutionArn=solution)["solution"])
    version = aws.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    steps.active(lambda: steps.solution_version(aws, version))
    # All items are new by their age; explored at random, those of the other city would come in between.
    campaign = aws.personalize.create_campaign(
        name="metadata", solutionVersionArn=version,
        campaignConfig={"itemExplorationConfig": {"explorationWeight": "0"}})["campaignArn"]
    steps.active(lambda: steps.campaign(aws, campaign))
    aws.events.put_users(datasetArn=datasets["users"], users=[
        {"userId": f"new in {city}", "properties": json.dumps({"age": 30, "city": city})} for city in CITIES])
    for city, series in CITIES.items():
        answer = aws.runtime.get_recommendations(campaignArn=campaign, userId=f"new in {city}", numResults=8)
        own = [found for found in steps.item_ids(answer) if found.startswith(item(series, 0)[:-2])]
        assert len(own) == 8, (city, steps.item_ids(answer))
