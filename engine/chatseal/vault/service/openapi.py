"""OpenAPI: the description of the service, made of the messages themselves."""

from typing import Any

import msgspec

from chatseal._version import VERSION
from chatseal.vault.messages import ANSWERS, MESSAGE_MAX, AccountAsk, Refusal

_STATUS = {
    400: "a refusal: malformed",
    401: "a refusal: unauthenticated",
    409: "a refusal by the rules: its reason says which",
    429: "a refusal: rate; wait says for how many seconds",
    503: "a refusal: unavailable",
}


def document() -> dict[str, Any]:
    """The document, OpenAPI 3.1, as JSON takes it."""
    kinds = [*ANSWERS, *ANSWERS.values(), Refusal]
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    by_kind = dict(zip(kinds, schemas, strict=True))
    signed = {
        "Vault-Signature": {"description": "The service's Ed25519 signature, base64.", "schema": {"type": "string"}, "required": True}
    }
    paths: dict[str, Any] = {
        "/healthz": {"get": _plain("the process lives", "text/plain")},
        "/readyz": {"get": _plain("database, anchor and token can be used", "application/json", 503)},
        "/metrics": {"get": _plain("for Prometheus, from this machine", "text/plain", 404)},
        "/openapi.json": {"get": _plain("this document", "application/json")},
    }
    for ask, answer in ANSWERS.items():
        refused = {str(code): _answer(text, by_kind[Refusal], signed) for code, text in _STATUS.items()}
        paths[f"/v1/{ask.operation}"] = {
            "post": {
                "operationId": ask.operation.replace("/", "-"),
                "summary": " ".join((ask.__doc__ or "").split()),
                "security": [{"bearer": []}] if issubclass(ask, AccountAsk) else [],
                "requestBody": {"required": True, "content": {"application/json": {"schema": by_kind[ask]}}},
                "responses": {
                    "200": _answer("the answer", by_kind[answer], signed),
                    **refused,
                    "408": {"description": "the body did not come within ten seconds"},
                    "413": _answer(_TOO_LARGE, by_kind[Refusal], {}),
                },
            }
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "chatseal vault", "version": VERSION, "description": "docs/vault.md says what it means.", "license": _LICENSE},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    }


_TOO_LARGE = f"a body of more than {MESSAGE_MAX} bytes, which is not read, so that nothing is signed"
_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}


def _answer(text: str, schema: dict[str, Any], headers: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "headers": headers, "content": {"application/json": {"schema": schema}}}


def _plain(text: str, media_type: str, other: int = 0) -> dict[str, Any]:
    found = {"200": {"description": text, "content": {media_type: {}}}}
    return {"responses": {**found, **({str(other): {"description": "not now, or not from there"}} if other else {})}}
