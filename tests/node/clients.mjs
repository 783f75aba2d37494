// The clients of the AWS SDK, configured by nothing but the environment: AWS_ENDPOINT_URL, keys and region.

import { Personalize, paginateListSchemas } from "@aws-sdk/client-personalize";
import { PersonalizeEvents } from "@aws-sdk/client-personalize-events";
import { PersonalizeRuntime } from "@aws-sdk/client-personalize-runtime";
import { S3 } from "@aws-sdk/client-s3";

export { paginateListSchemas };

const once = { maxAttempts: 1 };

/** One client for each service; `credentials` instead of those of the environment. */
export function clients(credentials) {
  const options = credentials ? { ...once, credentials } : once;
  return {
    s3: new S3({ ...options, forcePathStyle: true }),
    personalize: new Personalize(options),
    runtime: new PersonalizeRuntime(options),
    events: new PersonalizeEvents(options),
  };
}

/** Polls `describe()` until its resource has settled; it must be ACTIVE then. */
export async function active(describe) {
  for (;;) {
    const resource = await describe();
    if (resource.status === "ACTIVE") return resource;
    if (resource.status === "CREATE FAILED") throw new Error(`CREATE FAILED: ${resource.failureReason}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
