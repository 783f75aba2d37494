"""The checks of the conformance test, given answers that are broken: a check that finds nothing proves nothing."""

import copy
import json

import pytest

from conform.constraints import wrong
from conform.ledger import Ledger
from conform.model import OPERATIONS
from conform.reasons import UNANSWERED, UNPROVOKED
from conform.responses import Response, check
from conform.samples import sample
from conform.shapes import Checked
from conform.violations import Violation, violations

ID = "9b2f1c3e-0000-4000-8000-0123456789ab"
ARN = "arn:aws:personalize:us-east-1:000000000000:campaign/films"
CAMPAIGN = {"campaign": {
    "name": "films", "campaignArn": ARN, "solutionVersionArn": ARN, "minProvisionedTPS": 1, "status": "ACTIVE",
    "campaignConfig": {"itemExplorationConfig": {"explorationWeight": "0.3"}, "enableMetadataWithRecommendations": False,
                       "rankingInfluence": {"POPULARITY": 0.5}},
    "creationDateTime": 1700000000.125, "lastUpdatedDateTime": 1700000001}}
MISSING = object()


def response(operation, body, status=200, **headers):
    content_type = "application/x-amz-json-1.1" if OPERATIONS[operation].control else "application/json"
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = {"x-amzn-requestid": ID, "content-type": content_type, **{name.replace("_", "-"): v for name, v in headers.items()}}
    return Response(status, {name: value for name, value in found.items() if value is not None}, body)


def problems(operation, *arguments, **headers):
    return check(OPERATIONS[operation], response(operation, *arguments, **headers)).problems


def changed(path, value):
    body = copy.deepcopy(CAMPAIGN)
    *way, last = path.split(".")
    at = body
    for name in way:
        at = at[name]
    if value is MISSING:
        del at[last]
    else:
        at[last] = value
    return body


def test_a_right_answer_passes():
    assert problems("DescribeCampaign", CAMPAIGN) == []
    assert problems("DeleteCampaign", b"") == []
    assert problems("TagResource", {}) == []
    assert problems("GetRecommendations", {"itemList": [{"itemId": "i", "score": 0.5}]}) == []


BROKEN = {
    "an unknown member": ("campaign.colour", "red", "campaign.colour"),
    "an unknown member further down": ("campaign.campaignConfig.weight", 1, "campaignConfig.weight"),
    "null": ("campaign.minProvisionedTPS", None, "minProvisionedTPS"),
    "a number in a string": ("campaign.minProvisionedTPS", "1", "minProvisionedTPS"),
    "a fraction for an integer": ("campaign.minProvisionedTPS", 1.0, "minProvisionedTPS"),
    "a boolean for an integer": ("campaign.minProvisionedTPS", True, "minProvisionedTPS"),
    "a number below its range": ("campaign.minProvisionedTPS", 0, "minProvisionedTPS"),
    "a number above its range": ("campaign.campaignConfig.rankingInfluence.POPULARITY", 1.5, "POPULARITY"),
    "a string for a number": ("campaign.campaignConfig.rankingInfluence.POPULARITY", "0.5", "POPULARITY"),
    "a key that is not in the enumeration": ("campaign.campaignConfig.rankingInfluence.LUCK", 0.5, "LUCK"),
    "a string for a boolean": ("campaign.campaignConfig.enableMetadataWithRecommendations", "false", "enableMetadata"),
    "a number for a string": ("campaign.campaignConfig.itemExplorationConfig.explorationWeight", 0.3, "explorationWeight"),
    "a list for a structure": ("campaign.campaignConfig", [], "campaignConfig"),
    "a list for a map": ("campaign.campaignConfig.itemExplorationConfig", [], "itemExplorationConfig"),
    "a time in text": ("campaign.creationDateTime", "2023-11-14T22:13:20Z", "creationDateTime"),
    "a time in milliseconds": ("campaign.creationDateTime", 1700000000125, "creationDateTime"),
    "a name that is too long": ("campaign.name", "x" * 64, "campaign.name"),
    "a name with a blank": ("campaign.name", "two words", "campaign.name"),
    "an ARN that is none": ("campaign.campaignArn", "campaign/films", "campaignArn"),
    "a status that is too long": ("campaign.status", "A" * 257, "status"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_member_is_found_and_named(case):
    path, value, named = BROKEN[case]
    found = problems("DescribeCampaign", changed(path, value))
    assert len(found) == 1 and named in found[0], found


def test_a_required_member_that_is_missing_is_found():
    job = {"dataSource": {}, "jobOutput": {"s3DataDestination": {}}}
    found = problems("DescribeDatasetExportJob", {"datasetExportJob": {"jobOutput": job["jobOutput"]}})
    assert found == ["datasetExportJob.jobOutput.s3DataDestination.path is missing"]


def test_an_enumeration_and_a_lists_size_are_checked():
    assert "ECOMMERCE" in problems("CreateDatasetGroup", {"domain": "MUSIC"})[0]
    assert problems("ListCampaigns", {"campaigns": [{}] * 101}) == ["campaigns has 101 elements, not ..100"]


def test_the_role_of_a_job_is_a_role_though_the_model_says_otherwise():
    right = {"datasetImportJob": {"roleArn": "arn:aws:iam::000000000000:role/any"}}
    assert problems("DescribeDatasetImportJob", right) == []
    assert problems("DescribeDatasetImportJob", {"datasetImportJob": {"roleArn": ARN}})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"campaign": NaN}', b'{"campaign": {}, "campaign": {}}', b"\xff"])
def test_a_body_that_is_no_json_object_is_found(body):
    assert problems("DescribeCampaign", body)


def test_a_body_where_there_should_be_none_is_found():
    assert problems("DeleteCampaign", {}) and problems("PutEvents", {})


@pytest.mark.parametrize("headers", [
    {"x_amzn_requestid": None}, {"x_amzn_requestid": "1"}, {"content_type": "application/json"}, {"content_type": None},
    {"x_amzn_errortype": "InvalidInputException"}])
def test_a_wrong_header_is_found(headers):
    assert len(problems("DescribeCampaign", CAMPAIGN, **headers)) == 1


ERROR = {"__type": "ResourceNotFoundException", "message": "There is no campaign films."}


def failed(operation="DescribeCampaign", body=None, status=400, header="ResourceNotFoundException"):
    return problems(operation, ERROR if body is None else body, status, x_amzn_errortype=header)


def test_a_right_error_passes():
    assert failed() == []
    assert failed("GetRecommendations", status=404) == []


@pytest.mark.parametrize("broken", [
    {"status": 404}, {"operation": "GetRecommendations"}, {"header": None}, {"header": "InvalidInputException"},
    {"body": {"message": "text"}}, {"body": {**ERROR, "message": " "}},
    {"body": {"__type": ERROR["__type"], "Message": "text"}},
    {"body": {**ERROR, "detail": "more"}}, {"body": b"<html>"}, {"operation": "ListSchemas"},
    {"body": {**ERROR, "__type": "InternalFailure"}, "header": "InternalFailure", "status": 500}])
def test_a_wrong_error_is_found(broken):
    assert failed(**broken)


def samples_of(name):
    shape = OPERATIONS[name].model.input_shape
    return shape, list(violations(shape))


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_violation_breaks_the_model_where_it_says_and_nothing_else_does(name):
    """The inputs are made by one reading of the model and judged by another."""
    shape, found = samples_of(name)
    right = Checked()
    right.value(shape, sample(shape))
    assert right.problems == []
    for violation in found:
        checked = Checked()
        checked.value(shape, violation.input)
        assert checked.problems, f"{violation} breaks nothing: {violation.input}"
        assert all(violation.path[-1] in problem for problem in checked.problems), f"{violation}: {checked.problems}"


def test_the_violations_are_those_of_the_model():
    _, found = samples_of("PutEvents")
    told = {str(violation) for violation in found}
    assert {"trackingId: required", "eventList: fewest elements", "eventList: most elements", "eventList.sentAt: type",
            "eventList.impression: most elements", "eventList.metricAttribution.eventAttributionSource: pattern"} <= told
    _, found = samples_of("GetRecommendations")
    told = {str(violation) for violation in found}
    assert {"context: key, pattern", "numResults: minimum", "promotions.percentPromotedItems: maximum",
            "metadataColumns: most entries"} <= told


REFUSAL = {"__type": "InvalidInputException", "message": "Value 'x' at 'tags[0].tagKey' failed"}


@pytest.mark.parametrize("answer", [
    Response(200, {}, b"{}"),
    Response(400, {"x-amzn-errortype": "ResourceNotFoundException"}, json.dumps(ERROR).encode()),
    Response(500, {"x-amzn-errortype": "InternalFailure"}, b"{}"),
    Response(400, {"x-amzn-errortype": "InvalidInputException"}, b'{"message": "something is wrong"}'),
    Response(400, {"x-amzn-errortype": "InvalidInputException"}, b'{"message": "tags are wrong"}')])
def test_a_violation_that_is_not_refused_by_name_is_found(answer):
    violation = Violation(("tags", "tagKey"), "pattern", {})
    right = Response(400, {"x-amzn-errortype": "InvalidInputException"}, json.dumps(REFUSAL).encode())
    assert wrong(violation, right) is None
    assert wrong(violation, answer)


def full_ledger():
    """One that has seen all that there is to see."""
    ledger = Ledger(UNPROVOKED, UNANSWERED)
    for name, entry in ledger.entries.items():
        entry.calls = entry.members = entry.violations = entry.answered_right = 1
        entry.successes = name not in UNANSWERED
        entry.pages = "250 in 39"
        entry.provoked = {code for code in OPERATIONS[name].errors if (name, code) not in UNPROVOKED}
    return ledger


@pytest.mark.parametrize("what, change", {
    "nothing": None,
    "a call": lambda ledger: setattr(ledger.entries["ListCampaigns"], "calls", 0),
    "a success": lambda ledger: setattr(ledger.entries["ListCampaigns"], "successes", 0),
    "a violation": lambda ledger: setattr(ledger.entries["ListCampaigns"], "violations", 0),
    "pages": lambda ledger: setattr(ledger.entries["ListCampaigns"], "pages", ""),
    "an exception": lambda ledger: ledger.entries["ListCampaigns"].provoked.clear(),
    "the truth of a reason": lambda ledger: ledger.refused(*next(iter(UNPROVOKED))),
    "the truth of another": lambda ledger: setattr(ledger.entries["GetActionRecommendations"], "successes", 1),
    "a right answer": lambda ledger: ledger.response(OPERATIONS["ListCampaigns"], response("ListCampaigns", {}, 500), "a call"),
}.items())
def test_the_ledger_passes_only_if_nothing_lacks(what, change):
    ledger = full_ledger()
    if change:
        change(ledger)
    ledger.close()
    assert ledger.passed() == len(OPERATIONS) - bool(change), ledger.differences()


def test_problems_of_no_operation_are_told_too():
    ledger = full_ledger()
    ledger.problem("", "the server ended")
    ledger.close()
    assert ledger.differences() == ["(no operation): the server ended"]
