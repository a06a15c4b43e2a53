"""KIE's live catalogue: the list of models, a schema, price and success rate for each, one look-up a second.

What is listed can be changed while the rehearsal runs (``POST /_rehearsal/catalogue``): models appear, disappear, change
their schemas and their prices, as they do at KIE.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vidgen_core.fake_provider.kie.validation import fields_of
from vidgen_core.fake_provider.refusals import KIE_REFUSALS, kie_refusal
from vidgen_core.fake_provider.submissions import bad_key, key_of, proxy_page, rehearsal_of
from vidgen_core.fake_provider.wire import AnyJSON, Delayed

#: Seconds that a slow catalogue takes.
_SLOW: Final = 20.0
_POINTS: Final = 144


def _guarded(tell: Callable[[Request, str], Response]) -> Callable[[Request], Any]:
    """A look-up: refused without a key, more than once a second, or where a fault of the catalogue says so."""

    async def endpoint(request: Request) -> Response:
        rehearsal, model = rehearsal_of(request), str(request.path_params.get("model", ""))
        rehearsal.counters.lookups[f"{model or 'models'}"] += 1
        if fault := bad_key(request):
            return KIE_REFUSALS[fault].answer()
        if rehearsal.occurs("catalogue-down"):
            return proxy_page(502)
        if rehearsal.occurs("catalogue-refused"):
            return KIE_REFUSALS["server-error"].answer()
        now, key = time.monotonic(), key_of(request)
        if now - rehearsal.kie_lookups.get(key, -10.0) < rehearsal.options.kie_lookup_spacing:
            return KIE_REFUSALS["rate-limit"].answer()
        rehearsal.kie_lookups[key] = now
        # An id whose slash is encoded names no model.
        if b"%2F" in request.scope.get("raw_path", b"").upper():
            return kie_refusal("The model does not exist", 404).answer()
        answer = tell(request, model)
        return Delayed(answer, _SLOW) if rehearsal.occurs("catalogue-slow") else answer

    return endpoint


def _ok(data: Any) -> Response:
    return AnyJSON({"code": 200, "msg": "success", "data": data})


def _missing(request: Request, model: str) -> Response | None:
    found = rehearsal_of(request).kie_models.get(model)
    return None if found is not None else kie_refusal(f"The model {model} does not exist", 404).answer()


def _list(request: Request, _model: str) -> Response:
    rehearsal, asked = rehearsal_of(request), request.query_params
    if rehearsal.occurs("catalogue-empty"):
        return _ok({"total": 0, "models": []})
    if rehearsal.occurs("catalogue-hostile"):
        return _ok({"total": "many", "models": [*_HOSTILE_ROWS, *(_row(name, {}) for name in rehearsal.kie_models)]})
    types = {kind for kind in asked.get("taskType", "").split(",") if kind}
    rows = [
        _row(name, entry)
        for name, entry in rehearsal.kie_models.items()
        if (not types or types & set(entry.get("taskType", ()))) and asked.get("q", "").lower() in name
    ]
    return _ok({"total": len(rows), "models": rows})


def _row(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "model": name,
        "slug": name,
        "title": f"Affordable {name} API",
        "provider": name.split("/")[0].title(),
        "taskType": entry.get("taskType", 7),
        "description": None,
        "pricingDesc": entry.get("pricingDesc", ""),
    }


_HOSTILE_ROWS: Final = (
    None,
    "kling",
    {"model": "../../etc/passwd", "taskType": ["Text to Video"]},
    {"model": "https://evil.example/x", "taskType": ["Text to Video"], "pricingDesc": "0 credits"},
    {"model": "a" * 5000, "taskType": ["Text to Video"]},
    {"model": 12, "taskType": "Text to Video", "pricingDesc": ["free"]},
)


def _schema(request: Request, model: str) -> Response:
    if missing := _missing(request, model):
        return missing
    rehearsal = rehearsal_of(request)
    entry = rehearsal.kie_models[model]
    if rehearsal.occurs("schema-null"):
        return _ok({"model": model, "openapi": None})
    if rehearsal.occurs("catalogue-hostile"):
        return _ok({"model": model, "openapi": _HOSTILE_DOCUMENT})
    return _ok({"model": model, "openapi": entry["openapi"] if "openapi" in entry else document(model, entry)})


#: References in a circle, and a path that is not KIE's.
_HOSTILE_DOCUMENT: Final = {
    "openapi": "3.1.0",
    "servers": [{"url": "https://evil.example"}],
    "paths": {
        "/api/v1/jobs/createTask": {
            "post": {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/a"}}}}}
        },
        "/steal": {"post": {}},
    },
    "components": {"schemas": {"a": {"$ref": "#/components/schemas/b"}, "b": {"$ref": "#/components/schemas/a"}}},
}


def document(model: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The OpenAPI document of a model, with references as KIE writes them: percent-encoded, and names that end in a blank."""
    body = {
        "type": "object",
        "required": ["model", "input"],
        "properties": {
            "model": {"type": "string", "enum": [model], "default": model},
            "callBackUrl": {"type": "string", "format": "uri"},
            "input": {"$ref": "#/components/schemas/Input%20"},
        },
    }
    path = {
        "post": {
            "operationId": model.replace("/", "-"),
            "requestBody": {
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Request%20of%20task"}}}
            },
            "responses": {"200": {"description": "ok"}},
        }
    }
    return {
        "openapi": "3.1.0",
        "servers": [{"url": "https://api.kie.ai"}],
        "paths": {"/api/v1/jobs/createTask": path},
        "components": {"schemas": {"Request of task": body, "Input ": _input(entry)}},
    }


def _input(entry: Mapping[str, Any]) -> dict[str, Any]:
    fields = fields_of(entry)
    required = [name for name, field in fields.items() if field.get("required")]
    choices = entry.get("oneOf", ())
    common = {name: _property(field) for name, field in fields.items() if name not in choices}
    if not choices:
        return {"type": "object", "required": required, "properties": common}
    return {
        "oneOf": [
            {
                "type": "object",
                "required": [*required, choice],
                "properties": {**common, choice: _property(fields[choice])},
            }
            for choice in choices
        ]
    }


def _property(field: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in field.items() if name not in ("required", "type")}
    kind = field["type"]
    if kind.endswith("[]"):
        return {"type": "array", "items": {"type": kind[:-2]}, **told}
    return {"type": kind, **told}


def _price(request: Request, model: str) -> Response:
    entry = rehearsal_of(request).kie_models.get(model, {})
    return _missing(request, model) or _ok({"model": model, "pricingDesc": entry.get("pricingDesc", "")})


def _success(request: Request, model: str) -> Response:
    if missing := _missing(request, model):
        return missing
    rate = rehearsal_of(request).kie_models[model].get("success", 98.5)
    start = datetime(2026, 11, 30, tzinfo=UTC)
    points = [
        {
            "start": (start + timedelta(minutes=10 * place)).isoformat(),
            "end": (start + timedelta(minutes=10 * place + 10)).isoformat(),
            "successRate": None if place % 5 == 0 else rate,
            "errorRate": None if place % 5 == 0 else 100 - rate,
            "isNormal": True,
        }
        for place in range(_POINTS)
    ]
    return _ok({"model": model, "points": points})


async def change(request: Request) -> Response:
    """``{"publish": {id: entry}, "withdraw": [id]}``; an entry has ``input``, ``taskType``, ``price``, ``pricingDesc``."""
    rehearsal, asked = rehearsal_of(request), await request.json()
    for name, entry in asked.get("publish", {}).items():
        rehearsal.kie_models[name] = {**rehearsal.kie_models.get(name, {"taskType": ["Image to Video"]}), **entry}
    for name in asked.get("withdraw", ()):
        rehearsal.kie_models.pop(name, None)
    return JSONResponse({"models": len(rehearsal.kie_models)})


ROUTES: Final = (
    Route("/api/v1/models", _guarded(_list)),
    Route("/api/v1/models/{model:path}/schema", _guarded(_schema)),
    Route("/api/v1/models/{model:path}/price", _guarded(_price)),
    Route("/api/v1/models/{model:path}/success-rate", _guarded(_success)),
)
