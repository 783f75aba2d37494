// Requests that the SDK signs with keys of `palate keys create`, against `palate serve --auth required`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { clients } from "./clients.mjs";

const missing = "arn:aws:personalize:us-east-1:000000000000:campaign/none";

test("the key of the environment may do everything", async () => {
  const aws = clients();
  await aws.personalize.createDatasetGroup({ name: "signed", tags: [{ tagKey: "ключ +=@", tagValue: "+ /" }] });
  await aws.s3.createBucket({ Bucket: "signed" });
  await aws.s3.putObject({ Bucket: "signed", Key: "a key/with +&ü.csv", Body: "text" });
  const stored = await aws.s3.getObject({ Bucket: "signed", Key: "a key/with +&ü.csv" });
  assert.equal(await stored.Body.transformToString(), "text");
  // Signed well enough to be looked for.
  await assert.rejects(aws.runtime.getRecommendations({ campaignArn: missing, userId: "ü" }), {
    name: "ResourceNotFoundException",
  });
  await assert.rejects(
    aws.events.putEvents({ trackingId: "none", sessionId: "s", eventList: [{ eventType: "e", sentAt: new Date() }] }),
    { name: "InvalidInputException" },
  );
});

test("a wrong secret or an unknown key is refused", async () => {
  const accessKeyId = process.env.AWS_ACCESS_KEY_ID;
  const wrong = clients({ accessKeyId, secretAccessKey: "not the secret" });
  const unknown = clients({ accessKeyId: "UNKNOWN0000000000000", secretAccessKey: "any" });
  for (const [aws, name] of [[wrong, "InvalidSignatureException"], [unknown, "UnrecognizedClientException"]]) {
    for (const call of [
      () => aws.personalize.listSchemas({}),
      () => aws.runtime.getRecommendations({ campaignArn: missing, userId: "u" }),
      () => aws.events.putEvents({ trackingId: "none", sessionId: "s", eventList: [{ eventType: "e", sentAt: new Date() }] }),
    ]) {
      await assert.rejects(call, (error) => {
        assert.equal(error.name, name);
        assert.equal(error.$metadata.httpStatusCode, 403);
        return true;
      });
    }
  }
});

test("a token of a session is refused, as none was ever issued", async () => {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = process.env;
  const aws = clients({ accessKeyId, secretAccessKey, sessionToken: "token" });
  await assert.rejects(aws.personalize.listSchemas({}), { name: "UnrecognizedClientException" });
});
