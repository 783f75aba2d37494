"""Schemas and tables of the worlds; the interactions are those that the other tests use too."""

import json

from data import as_csv, dataset

CATEGORICAL = {"GENRE", "CITY", "KIND", "CATEGORY_L1", "COLOUR"}
FIELDS = {
    "Interactions": [("USER_ID", "string"), ("ITEM_ID", "string"), ("TIMESTAMP", "long"), ("EVENT_TYPE", "string"),
                     ("EVENT_VALUE", ["null", "float"])],
    "Items": [("ITEM_ID", "string"), ("GENRE", ["null", "string"]), ("PRICE", ["null", "float"])],
    "Users": [("USER_ID", "string"), ("AGE", ["null", "int"]), ("CITY", ["null", "string"])],
    "Actions": [("ACTION_ID", "string"), ("VALUE", ["null", "long"]), ("KIND", ["null", "string"])],
    "ActionInteractions": [("USER_ID", "string"), ("ACTION_ID", "string"), ("EVENT_TYPE", "string"), ("TIMESTAMP", "long")],
    "ShopInteractions": [("USER_ID", "string"), ("ITEM_ID", "string"), ("TIMESTAMP", "long"), ("EVENT_TYPE", "string")],
    "ShopItems": [("ITEM_ID", "string"), ("PRICE", "float"), ("CATEGORY_L1", "string")],
}
# What an update of a dataset may do: the same fields and more that may be null.
FIELDS["WiderItems"] = [*FIELDS["Items"], ("COLOUR", ["null", "string"])]
TYPES = {"Interactions": "Interactions", "Items": "Items", "Users": "Users", "Actions": "Actions",
         "ActionInteractions": "Action_Interactions"}


def schema(table):
    """The Avro schema of a table, as the text that CreateSchema takes."""
    fields = [{"name": name, "type": type_, **({"categorical": True} if name in CATEGORICAL else {})}
              for name, type_ in FIELDS[table]]
    name = table.removeprefix("Shop").removeprefix("Wider")
    return json.dumps({"type": "record", "name": name, "namespace": "com.amazonaws.personalize.schema", "version": "1.0",
                       "fields": fields})


def custom(n_users=120, n_events=20):
    """CSV files by table."""
    rows = dataset(n_users, n_events)
    actions = [["ACTION_ID", "VALUE", "KIND"]] + [[f"action-{i}", 1 + i % 10, f"kind-{i % 3}"] for i in range(20)]
    taken = [["USER_ID", "ACTION_ID", "EVENT_TYPE", "TIMESTAMP"]]
    taken += [[f"user-{i % n_users:05}", f"action-{i % 20}", ("TAKEN", "NOT_TAKEN", "VIEWED")[i % 3], 1_700_000_000 + i]
              for i in range(1200)]
    interactions = [[*row, "EVENT_VALUE" if i == 0 else i % 5] for i, row in enumerate(rows["interactions"])]
    tables = {"Interactions": interactions, "Items": rows["items"], "Users": rows["users"], "Actions": actions,
              "ActionInteractions": taken}
    return {name: as_csv(table) for name, table in tables.items()}


def shop(events):
    """Interactions of these event types in turn, enough of each for a recommender, and the items."""
    rows = dataset(80, 15 * len(events))["interactions"]
    interactions = [rows[0]] + [[*row[:3], events[i % len(events)]] for i, row in enumerate(rows[1:])]
    items = [["ITEM_ID", "PRICE", "CATEGORY_L1"]]
    items += [[id, 1 + i % 50, f"category-{i % 4}"] for i, id in enumerate(sorted({row[1] for row in rows[1:]}))]
    return {"ShopInteractions": as_csv(interactions), "ShopItems": as_csv(items)}
