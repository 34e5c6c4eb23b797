"""Requests that schemathesis makes from the description of the API."""

import pytest
import schemathesis
from hypothesis import settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)


@pytest.fixture(scope="module")
def description(server):
    return schemathesis.openapi.from_url(f"{server}api/openapi.json")


schema = schemathesis.pytest.from_fixture("description")


# Whether a file is a photograph is more than a schema can say, so that requests which
# conform to it may be refused.
@schema.parametrize()
@settings(max_examples=40, deadline=None)
def test_every_answer_is_one_that_the_description_has(case):
    case.call_and_validate(
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ]
    )
