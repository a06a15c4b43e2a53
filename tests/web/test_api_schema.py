"""Requests made up from OpenAPI: whatever is sent, the answer is one that the description names."""

from __future__ import annotations

import warnings
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from server_client import TestClient
from starlette.applications import Starlette

from vidgen_core.services.facade import Vidgen
from vidgen_core.web import serve

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

#: Nothing is asked of a provider, and no stream is left open.
LEFT_OUT = ("/{provider}/test-connection", "/{provider}/progress", "/prices/{provider}/refresh")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cases", [2, pytest.param(8, marks=pytest.mark.extended)])
def test_every_answer_to_made_up_requests_is_one_that_is_described(
    cases: int, vidgen: Vidgen, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_each = settings(
        max_examples=cases, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    monkeypatch.setenv("VIDGEN_ALLOWED_HOSTS", "testserver")
    token = {"Authorization": f"Bearer {vidgen.settings().sharing.token.get_secret_value()}"}
    serving = serve("127.0.0.1")
    app = Starlette(routes=serving.routes, middleware=serving.middleware)
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", app, headers=token)
    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    asked: list[str] = []

    def conforms(case: schemathesis.Case) -> None:
        asked.append(case.path)
        case.call_and_validate(checks=checks, headers=token)

    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path not in LEFT_OUT:
            of_each(given(case=operation.as_strategy())(conforms))()
            wrong = operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
            # What takes nothing cannot be asked wrongly.
            with suppress(Unsatisfiable):
                of_each(given(case=wrong)(conforms))()
    assert len(asked) > cases * len(set(asked))
    # After all that the studio is as it should be.
    assert client.get("/api/health").json()["ok"] is True
