// People who walk along a series of items, one after the other: what follows what is known.

export const ROLE = "arn:aws:iam::000000000000:role/any";
const N_SERIES = 5;
const LENGTH = 20;

export const item = (series, position) => `item-${series}-${position % LENGTH}`;

/** 60 users with 20 interactions each, as CSV. */
export function interactions() {
  const lines = ["USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE"];
  for (let user = 0; user < 60; user++) {
    for (let step = 0; step < 20; step++) {
      const time = 1_700_000_000 + user * 1000 + step * 30;
      lines.push(`user-${user},${item(user % N_SERIES, user + step)},${time},watch`);
    }
  }
  return `${lines.join("\n")}\n`;
}

export const schema = JSON.stringify({
  type: "record",
  name: "Interactions",
  namespace: "com.amazonaws.personalize.schema",
  version: "1.0",
  fields: [
    { name: "USER_ID", type: "string" },
    { name: "ITEM_ID", type: "string" },
    { name: "TIMESTAMP", type: "long" },
    { name: "EVENT_TYPE", type: "string" },
  ],
});
