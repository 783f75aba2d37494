"""Pages through many resources of each kind while others come and go."""

from concurrent.futures import ThreadPoolExecutor

from .creations import RECIPE
from .kinds import KINDS
from .model import OPERATIONS
from .reasons import FEW
from .tables import TYPES, custom, schema
from .world import ROLE

MANY = 250
# How many more are there at first, to be deleted while the list is read. What others are made in is made for those too.
GOERS = 12
# Creations at the same time, as of a program with threads. They depend on the same group or dataset.
CLIENTS = 4
MORE = {"DatasetGroup": 3 * GOERS, "Dataset": 2 * GOERS}
TOKEN = "InvalidNextTokenException"
QUOTAS = ("dataset-groups", "schemas", "dataset-import-jobs", "dataset-export-jobs", "batch-inference-jobs",
          "solution-versions", "data-deletion-jobs", "solutions", "campaigns", "recommenders", "filters")
RAISED = [part for name in QUOTAS for part in ("--quota", f"{name}=100000")]


def base(world):
    """One group with a version that can be deployed, and a domain group."""
    world.palate.s3.create_bucket(Bucket=world.bucket)
    world.create("DatasetGroup", "group", name="base")
    world.create("DatasetGroup", "videos", name="videos", domain="VIDEO_ON_DEMAND")
    tables = custom(60, 20)
    for table in ("Interactions", "Items"):
        world.create("Schema", f"schema {table}", name=f"base-{table}", schema=schema(table))
        world.create("Dataset", table, loose=("datasetType",), name=table, schemaArn=world[f"schema {table}"],
                     datasetGroupArn=world["group"], datasetType=TYPES[table])
        world.create("DatasetImportJob", f"import {table}", jobName=f"base-{table}", datasetArn=world[table], roleArn=ROLE,
                     dataSource={"dataLocation": world.upload(f"{table}.csv", tables[table])})
    world.create("Solution", "solution", name="base", datasetGroupArn=world["group"], performAutoTraining=False,
                 recipeArn=RECIPE.format("aws-popularity-count"))
    world.create("Solution", "failing", name="failing", datasetGroupArn=world["group"], performAutoTraining=False,
                 recipeArn=RECIPE.format("aws-next-best-action"))
    world.create("SolutionVersion", "version", solutionArn=world["solution"])


def creations(world):
    """What creates the i-th resource of each kind: cheap ones, or jobs that end at once since there is no input. The order
    matters: datasets need the groups and the trackers the datasets."""
    nothing = f"s3://{world.bucket}/nothing.csv"
    group = world["group"]

    def of_group(i):
        return f"{group.rsplit('/', 1)[0]}/g-{i:04}"

    job = {"roleArn": ROLE, "jobOutput": {"s3DataDestination": {"path": f"s3://{world.bucket}/out/"}}}
    return {
        "Schema": lambda i: {"name": f"s-{i:04}", "schema": schema("Items")},
        "DatasetGroup": lambda i: {"name": f"g-{i:04}"},
        "Dataset": lambda i: {"name": f"d-{i:04}", "schemaArn": world["schema Interactions"], "datasetGroupArn": of_group(i),
                              "datasetType": "Interactions"},
        "EventTracker": lambda i: {"name": f"t-{i:04}", "datasetGroupArn": of_group(i)},
        "MetricAttribution": lambda i: {
            "name": f"m-{i:04}", "datasetGroupArn": of_group(i), "metricsOutputConfig": {"roleArn": ROLE},
            "metrics": [{"eventType": "watch", "metricName": f"m{k}", "expression": "SAMPLECOUNT()"} for k in range(10)]},
        "DatasetImportJob": lambda i: {"jobName": f"i-{i:04}", "datasetArn": world["Items"], "roleArn": ROLE,
                                       "dataSource": {"dataLocation": nothing}},
        "DatasetExportJob": lambda i: {"jobName": f"e-{i:04}", "datasetArn": world["Items"], **job},
        "DataDeletionJob": lambda i: {"jobName": f"x-{i:04}", "datasetGroupArn": group, "roleArn": ROLE,
                                      "dataSource": {"dataLocation": nothing}},
        "Filter": lambda i: {"name": f"f-{i:04}", "datasetGroupArn": group,
                             "filterExpression": f"INCLUDE ItemID WHERE Items.PRICE > {i}"},
        "Solution": lambda i: {"name": f"p-{i:04}", "datasetGroupArn": group, "performAutoTraining": False,
                               "recipeArn": RECIPE.format("aws-popularity-count")},
        "SolutionVersion": lambda i: {"name": f"v-{i:04}", "solutionArn": world["failing"]},
        "Campaign": lambda i: {"name": f"c-{i:04}", "solutionVersionArn": world["version"]},
        "Recommender": lambda i: {"name": f"r-{i:04}", "datasetGroupArn": world["videos"],
                                  "recipeArn": RECIPE.format("aws-vod-top-picks")},
        "BatchInferenceJob": lambda i: {"jobName": f"b-{i:04}", "solutionVersionArn": world["version"], **job,
                                        "jobInput": {"s3DataSource": {"path": nothing}}},
    }


def many(kind_name):
    """Makes many of a kind and pages through them."""
    def step(world):
        kind = KINDS[kind_name]
        arguments = creations(world)[kind_name]

        def create(i):
            return world.palate(f"Create{kind_name}", **arguments(i))[kind.arn]

        n = MANY + (MORE.get(kind_name, GOERS) if kind.deletable else 0)
        # Not in order, so that those that will go are all over the list; 37 has no factor in common with any n.
        order = sorted(range(n), key=lambda i: i * 37 % n)
        with ThreadPoolExecutor(CLIENTS) as pool:
            made = dict(zip(order, pool.map(create, order)))
        world.palate.last = kind.lists
        goers = [made.pop(i) for i in range(n - GOERS, n)] if kind.deletable else []
        for arn in goers:
            world.arns["goer"] = arn
            world.settled(kind_name, "goer", None)
        stay = set(made.values())
        counter = iter(range(1000 * (10 + ORDER.index(kind_name)), 100_000))
        pages = 0
        for size in (7, 100):
            pages += walk(world, kind, size, stay, lambda: newcomer(world, kind_name, arguments, counter), goers)
        world.ledger.entries[kind.lists].pages = f"{len(stay)} in {pages}"
        tokens(world, kind.lists, size=1)

    step.__name__ = f"many_{kind_name}"
    return step


def newcomer(world, kind_name, arguments, counter):
    i = next(counter)
    if kind_name in ("Dataset", "EventTracker", "MetricAttribution"):
        world.palate("CreateDatasetGroup", name=f"g-{i:04}")
    if kind_name in ("EventTracker", "MetricAttribution"):
        world.palate("CreateDataset", **creations(world)["Dataset"](i))
    world.palate(f"Create{kind_name}", **arguments(i))


def walk(world, kind, size, stay, come, goers):
    """Reads a list to its end; after each page one resource comes and one goes. Returns the number of pages."""
    seen, pages, token = [], 0, {}
    while True:
        page = world.palate(kind.lists, maxResults=size, **token)
        pages += 1
        summaries = page[kind.listed]
        world.expect(kind.lists, len(summaries) <= size, f"gives {len(summaries)} with maxResults {size}")
        # An empty page or a short one in the middle would be allowed, but no client expects it.
        world.expect(kind.lists, len(summaries) == size or "nextToken" not in page,
                     f"gives a page of {len(summaries)} of {size} and a nextToken")
        seen += [summary[kind.arn] for summary in summaries]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
        if pages <= 10:
            come()
            if goers:
                world.palate(f"Delete{kind.name}", **{kind.arn: goers.pop()})
    counts = {arn: seen.count(arn) for arn in set(seen) & stay}
    world.expect(kind.lists, not stay - set(seen), f"with maxResults {size} misses {sorted(stay - set(seen))[:3]}")
    world.expect(kind.lists, all(n == 1 for n in counts.values()), f"with maxResults {size} gives some twice")
    world.expect(kind.lists, len(seen) == len(set(seen)), f"with maxResults {size} gives what came or went twice")
    return pages


def tokens(world, lists, size, **arguments):
    """Tokens that this list did not issue. Returns what follows the first page."""
    page = world.palate(lists, maxResults=size, **arguments)
    token = page.get("nextToken")
    foreign = world.palate("ListSchemas" if lists != "ListSchemas" else "ListRecipes", maxResults=1)["nextToken"]
    wrong = {"nobody's": "token", "another list's": foreign, "an empty one": ""}
    if token:
        other = "0" if token[-1] != "0" else "1"
        wrong |= {"a changed one": token[:-1] + other, "a cut one": token[:-2], "a longer one": f"{token}00"}
        world.palate(lists, maxResults=size, nextToken=token, **arguments)
    for name, text in wrong.items():
        refusal = world.palate.attempt(lists, nextToken=text, **arguments)
        world.expect(lists, refusal == TOKEN, f"{name} for a nextToken is answered {refusal}; expected {TOKEN}")
        if refusal == TOKEN:
            world.ledger.refused(lists, TOKEN)


def few(world):
    """Lists that have few resources, one at a time."""
    world.create("MetricAttribution", "attribution", name="attribution", datasetGroupArn=world["group"],
                 metricsOutputConfig={"roleArn": ROLE},
                 metrics=[{"eventType": "watch", "metricName": f"m{k}", "expression": "SAMPLECOUNT()"} for k in range(10)])
    for lists, listed, member, arguments in (
            ("ListRecipes", "recipes", "name", {}),
            ("ListMetricAttributionMetrics", "metrics", "metricName", {"metricAttributionArn": world["attribution"]}),
            ("ListBatchSegmentJobs", "batchSegmentJobs", "jobName", {})):
        world.expect(lists, lists in FEW, "is not among those that have few resources")
        whole = [one[member] for one in world.palate(lists, **arguments)[listed]]
        paged = [one[member] for one in world.every(lists, listed, maxResults=3, **arguments)]
        world.expect(lists, paged == whole, f"in pages gives {paged}, at once {whole}")
        world.ledger.entries[lists].pages = f"{len(whole)} in {max(1, -(-len(whole) // 3))}"
        tokens(world, lists, 3, **arguments)


def without_body(world):
    """A list needs no input at all: neither members nor a body."""
    for operation in OPERATIONS.values():
        shape = operation.model.input_shape
        if operation.control and not shape.required_members and operation.name.startswith("List"):
            for body in (b"", b"{}", b" {} "):
                response = world.palate.raw.send(operation, body)
                if operation.name != "ListMetricAttributionMetrics":
                    world.expect(operation.name, response.status == 200, f"the body {body!r} is answered {response.code}")


# Attributions need event types and datasets, trackers datasets, datasets groups; what is deleted on the way needs nobody.
ORDER = ("Schema", "DatasetGroup", "Dataset", "EventTracker", "MetricAttribution", "DatasetImportJob", "DatasetExportJob",
         "DataDeletionJob", "Filter", "Solution", "SolutionVersion", "Campaign", "Recommender", "BatchInferenceJob")
STEPS = [base, few, *(many(kind) for kind in ORDER), without_body]
