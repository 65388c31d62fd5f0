"""The served description, tried by Schemathesis: what it allows is answered as it says, and what it does not is refused."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from vault.service.running import Running, running

# A group's elements, a ticket, and a product of two numbers are not described: not all that is allowed has a meaning.
load_all_checks()
OF_MEANING: Any = [CHECKS.get_one("positive_data_acceptance")]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    options = ("--address-rate", "1000000", "--account-rate", "1000000")
    with running(tmp_path_factory.mktemp("vault"), "ada", options=options) as service:
        yield service


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "forbidden"])
def test_every_operation_answers_as_the_description_says(service: Running, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    tried = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if mode == GenerationMode.NEGATIVE and not operation.body:
            continue

        @settings(max_examples=15, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy(generation_mode=mode))
        def one(case: Any) -> None:
            response = case.call(headers={"Authorization": f"Bearer {service.tokens['ada']}"})
            assert response.status_code < 500 or response.status_code == 503
            if mode == GenerationMode.NEGATIVE:
                assert 400 <= response.status_code < 500
            case.validate_response(response, excluded_checks=OF_MEANING)

        one()
        tried += 1
    assert tried >= 9
    assert not [line for line in service.lines() if "Traceback" in str(line)]
