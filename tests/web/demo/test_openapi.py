"""Requests that schemathesis makes from the description of the API."""

import pytest
import schemathesis
from hypothesis import given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

# Whether a file is a photograph is more than a schema can say, so that requests which
# conform to it may be refused.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.mark.slow
def test_every_answer_is_one_that_the_description_has(server):
    description = schemathesis.openapi.from_url(f"{server}api/openapi.json")
    statuses = set()

    # Not by schemathesis's own plugin, which reaches into pytest.
    @settings(max_examples=40, deadline=None)
    @given(case=description["/api/colorize"]["POST"].as_strategy())
    def answered(case):
        answer = case.call(base_url=server.rstrip("/"), timeout=60)
        case.validate_response(answer, checks=CHECKS)
        statuses.add(answer.status_code)

    answered()
    assert statuses
    assert statuses <= {200, 400, 422}
