"""moto plays Personalize's schemas for many programs' tests; those programs see the same of Palate.

Where moto differs from Amazon, Palate does as Amazon does: a name that is taken is refused, a domain that was not given is
not answered, DeleteSchema answers no body, and lists have pages.
"""

import re

import boto3
import pytest
from botocore.exceptions import ClientError

import steps
from conform.server import Server
from processes import moto

SCHEMA = steps.schema("interactions")


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    """Personalize as moto plays it and as Palate serves it."""
    folder = tmp_path_factory.mktemp("moto-schemas")
    process, url = moto(folder)
    server = Server(folder / "palate")
    options = {"region_name": "eu-west-1", "aws_access_key_id": "palate", "aws_secret_access_key": "palate"}
    yield [boto3.client("personalize", endpoint_url=address, **options) for address in (url, server.url)]
    server.close()
    process.stop()


def told(call, **arguments):
    """What a program sees: the answer without what differs by time or account, or the exception."""
    try:
        answer = call(**arguments)
    except ClientError as error:
        seen = error.response["Error"]
        # Both say which ARN it was and that it does not exist; Amazon's other words for schemas are not known.
        about = [word for word in ("does not exist", "schema/none") if word in seen["Message"]]
        return type(error).__name__, seen["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"], about
    answer.pop("ResponseMetadata")
    return neutral(answer)


def neutral(value):
    if isinstance(value, dict):
        return {name: neutral(member) for name, member in value.items()}
    if isinstance(value, list):
        return [neutral(element) for element in value]
    if isinstance(value, str):
        return re.sub(r":\d{12}:", ":ACCOUNT:", value)
    return type(value).__name__


def test_what_a_program_sees_of_schemas_in_moto_it_sees_here(clients):
    seen = []
    for client in clients:
        arn = client.create_schema(name="films", schema=SCHEMA)["schemaArn"]
        none = arn.replace("schema/films", "schema/none")
        seen.append([
            neutral(arn),
            told(client.create_schema, name="shop", schema=SCHEMA, domain="ECOMMERCE"),
            told(client.describe_schema, schemaArn=arn),
            sorted(one["name"] for one in told(client.list_schemas)["schemas"]),
            {name for one in told(client.list_schemas)["schemas"] for name in one},
            told(client.describe_schema, schemaArn=none),
            told(client.delete_schema, schemaArn=none),
            told(client.delete_schema, schemaArn=arn),
            sorted(one["name"] for one in told(client.list_schemas)["schemas"]),
        ])
    of_moto, here = seen
    assert of_moto[0] == "arn:aws:personalize:eu-west-1:ACCOUNT:schema/films"
    assert of_moto[5] == ("ResourceNotFoundException", "ResourceNotFoundException", 400, ["does not exist", "schema/none"])
    assert here == of_moto


def test_a_name_that_is_taken_is_refused_though_moto_lets_it_pass(clients):
    _, here = clients
    here.create_schema(name="twice", schema=SCHEMA)
    with pytest.raises(here.exceptions.ResourceAlreadyExistsException):
        here.create_schema(name="twice", schema=SCHEMA)
