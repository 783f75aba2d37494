// From the first upload to recommendations, as a program in JavaScript does it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ResourceAlreadyExistsException, ResourceNotFoundException } from "@aws-sdk/client-personalize";
import { ResourceNotFoundException as NotFoundAtRuntime } from "@aws-sdk/client-personalize-runtime";

import { active, clients, paginateListSchemas } from "./clients.mjs";
import { ROLE, interactions, item, schema } from "./data.mjs";

const aws = clients();
const made = {};

test("a table is uploaded and imported", async () => {
  const { personalize, s3 } = aws;
  await s3.createBucket({ Bucket: "node" });
  await s3.putObject({ Bucket: "node", Key: "interactions.csv", Body: interactions() });
  made.group = (await personalize.createDatasetGroup({ name: "node" })).datasetGroupArn;
  await active(async () => (await personalize.describeDatasetGroup({ datasetGroupArn: made.group })).datasetGroup);
  const { schemaArn } = await personalize.createSchema({ name: "node", schema });
  const { datasetArn } = await personalize.createDataset({
    name: "node", schemaArn, datasetGroupArn: made.group, datasetType: "Interactions",
  });
  await active(async () => (await personalize.describeDataset({ datasetArn })).dataset);
  const { datasetImportJobArn } = await personalize.createDatasetImportJob({
    jobName: "node", datasetArn, roleArn: ROLE, dataSource: { dataLocation: "s3://node/interactions.csv" },
  });
  const job = await active(
    async () => (await personalize.describeDatasetImportJob({ datasetImportJobArn })).datasetImportJob,
  );
  assert.ok(job.creationDateTime instanceof Date && job.lastUpdatedDateTime >= job.creationDateTime);
  assert.equal(job.importMode, "FULL");
});

test("a solution is trained and deployed", async () => {
  const { personalize } = aws;
  const { solutionArn } = await personalize.createSolution({
    name: "node", datasetGroupArn: made.group, performAutoTraining: false,
    recipeArn: "arn:aws:personalize:::recipe/palate-transitions",
  });
  await active(async () => (await personalize.describeSolution({ solutionArn })).solution);
  const { solutionVersionArn } = await personalize.createSolutionVersion({ solutionArn });
  await active(async () => (await personalize.describeSolutionVersion({ solutionVersionArn })).solutionVersion);
  const { metrics } = await personalize.getSolutionMetrics({ solutionVersionArn });
  assert.ok(metrics.coverage > 0 && metrics.coverage <= 1);
  made.campaign = (
    await personalize.createCampaign({ name: "node", solutionVersionArn, minProvisionedTPS: 1 })
  ).campaignArn;
  await active(async () => (await personalize.describeCampaign({ campaignArn: made.campaign })).campaign);
});

test("recommendations follow what a user did, and rankings order what is given", async () => {
  const { runtime } = aws;
  const answer = await runtime.getRecommendations({ campaignArn: made.campaign, userId: "user-0", numResults: 5 });
  assert.equal(answer.itemList.length, 5);
  assert.ok(answer.itemList.every(({ itemId, score }) => itemId.startsWith("item-") && score >= 0));
  assert.match(answer.recommendationId, /^RID-/);
  const inputList = [item(4, 3), item(0, 5)];
  const ranking = await runtime.getPersonalizedRanking({ campaignArn: made.campaign, userId: "user-0", inputList });
  assert.deepEqual(ranking.personalizedRanking.map(({ itemId }) => itemId).sort(), [...inputList].sort());
});

test("an event is seen by the next request of its user", async () => {
  const { events, personalize, runtime } = aws;
  const { trackingId, eventTrackerArn } = await personalize.createEventTracker({
    name: "node", datasetGroupArn: made.group,
  });
  await active(async () => (await personalize.describeEventTracker({ eventTrackerArn })).eventTracker);
  const ask = async () =>
    (await runtime.getRecommendations({ campaignArn: made.campaign, userId: "visitor", numResults: 5 })).itemList;
  const before = await ask();
  await events.putEvents({
    trackingId, sessionId: "visit", userId: "visitor",
    eventList: [{ eventType: "watch", itemId: item(3, 7), sentAt: new Date(), properties: "{}" }],
  });
  const after = await ask();
  assert.notDeepEqual(after, before);
  assert.ok(after.some(({ itemId }) => itemId === item(3, 8)));
});

test("a paginator reads every schema once", async () => {
  const names = Array.from({ length: 25 }, (_, i) => `page-${i}`);
  for (const name of names) await aws.personalize.createSchema({ name, schema });
  const found = [];
  let pages = 0;
  for await (const page of paginateListSchemas({ client: aws.personalize, pageSize: 7 }, {})) {
    found.push(...page.schemas.map((one) => one.name));
    pages += 1;
  }
  assert.deepEqual(found.filter((name) => name.startsWith("page-")).sort(), names.sort());
  assert.equal(pages, Math.ceil(found.length / 7));
});

test("exceptions have the classes that programs catch", async () => {
  const missing = "arn:aws:personalize:us-east-1:000000000000:campaign/none";
  await assert.rejects(aws.personalize.createSchema({ name: "node", schema }), (error) => {
    assert.ok(error instanceof ResourceAlreadyExistsException, error.name);
    assert.equal(error.$metadata.httpStatusCode, 400);
    return true;
  });
  await assert.rejects(aws.personalize.describeCampaign({ campaignArn: missing }), ResourceNotFoundException);
  await assert.rejects(aws.runtime.getRecommendations({ campaignArn: missing, userId: "u" }), (error) => {
    assert.ok(error instanceof NotFoundAtRuntime, error.name);
    assert.equal(error.$metadata.httpStatusCode, 404);
    assert.match(error.$metadata.requestId, /^[0-9a-f-]{36}$/);
    return true;
  });
  await assert.rejects(aws.personalize.createDatasetGroup({ name: "no name" }), { name: "InvalidInputException" });
  await assert.rejects(aws.personalize.listSchemas({ nextToken: "none" }), { name: "InvalidNextTokenException" });
  await assert.rejects(
    aws.events.putEvents({ trackingId: "none", sessionId: "s", eventList: [{ eventType: "e", sentAt: new Date() }] }),
    { name: "InvalidInputException" },
  );
});
