"""The OpenAPI document, and the page that shows it to people."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from . import idempotency, problems

_REFERENCE = "#/components/schemas/"


class PortalAPI(NinjaAPI):
    """Operations are named as their functions are, and problems have their own content type."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        if path_prefix is None:
            return self._document
        return super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)

    @cached_property
    def _document(self) -> OpenAPISchema:
        """Made once for a process: anybody may ask for it, and it takes 30 ms."""
        document = super().get_openapi_schema()
        for operations in document["paths"].values():
            for operation in operations.values():
                _describe_problems(operation)
        return document


def _describe_problems(operation: dict[str, Any]) -> None:
    has_key = any(each["name"] == idempotency.HEADER for each in operation["parameters"])
    kinds = [kind for kind in problems.KINDS if has_key or kind is not problems.KEY_REUSED]
    for status, answer in operation["responses"].items():
        if status < HTTPStatus.BAD_REQUEST:
            continue
        answer["description"] = " ".join(kind.meaning for kind in kinds if kind.status == status)
        answer["content"] = {problems.CONTENT_TYPE: answer["content"].pop("application/json")}


@dataclass(frozen=True)
class Field:
    """A line of a table. ``shape``: the one that the type leads to, or empty; ``place``: path or query."""

    name: str
    type: str
    shape: str
    description: str
    required: bool = False
    place: str = ""


@dataclass(frozen=True)
class Endpoint:
    name: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[Field]
    answers: list[Field]


@dataclass(frozen=True)
class Shape:
    name: str
    description: str
    fields: list[Field]


class ReadingPage(DocsBase):
    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        document = api.get_openapi_schema()
        schemas: dict[str, Any] = document["components"]["schemas"]
        objects = {name: schema for name, schema in schemas.items() if "properties" in schema}
        context = {
            "info": document["info"],
            "endpoints": list(_endpoints(document)),
            "shapes": [_shape(name, schema, schemas) for name, schema in sorted(objects.items())],
            "problems": problems.KINDS,
        }
        return render(request, "api/document.html", context)


def _endpoints(document: Mapping[str, Any]) -> Iterator[Endpoint]:
    schemas = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            bodies = [operation["requestBody"]] if "requestBody" in operation else []
            yield Endpoint(
                name=operation["operationId"],
                method=method.upper(),
                path=path,
                summary=operation["summary"],
                description=operation.get("description", ""),
                parameters=[_parameter(each, schemas) for each in operation["parameters"]]
                + [_content("body", each, required=True) for each in bodies],
                answers=[
                    _content(str(status), each, description=each["description"])
                    for status, each in operation["responses"].items()
                ],
            )


def _content(name: str, holder: Mapping[str, Any], *, description: str = "", required: bool = False) -> Field:
    """A body or an answer: its shape is its type."""
    shape = next((_shape_of(each["schema"]) for each in holder.get("content", {}).values()), "")
    return Field(name, shape, shape, description, required)


def _parameter(parameter: Mapping[str, Any], schemas: Mapping[str, Any]) -> Field:
    return Field(
        name=parameter["name"],
        type=_type(parameter["schema"], schemas),
        shape="",
        description=parameter.get("description", ""),
        required=parameter["required"],
        place=parameter["in"],
    )


def _shape(name: str, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Shape:
    required = schema.get("required", ())
    fields = [
        Field(
            name=field,
            type=_type(each, schemas),
            shape=_shape_of(each) if "properties" in schemas.get(_shape_of(each), {}) else "",
            description=each.get("description", ""),
            required=field in required,
        )
        for field, each in schema["properties"].items()
    ]
    return Shape(name=name, description=schema.get("description", ""), fields=fields)


def _shape_of(schema: Mapping[str, Any]) -> str:
    """The name of the first shape that a schema refers to, at any depth; empty where there is none."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REFERENCE)
    return next((found for each in _parts(schema) if (found := _shape_of(each))), "")


def _parts(schema: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return [
        *schema.get("anyOf", ()),
        *schema.get("allOf", ()),
        *([schema["items"]] if "items" in schema else ()),
    ]


def _type(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """In words: ``list of string``, ``integer or null``, ``one of queued, running``."""
    if "$ref" in schema:
        name = _shape_of(schema)
        return _type(schemas[name], schemas) if "enum" in schemas.get(name, {}) else name
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if "items" in schema:
        return f"list of {_type(schema['items'], schemas)}"
    if "anyOf" in schema or "allOf" in schema:
        return " or ".join(dict.fromkeys(_type(each, schemas) for each in _parts(schema)))
    if "additionalProperties" in schema and isinstance(schema["additionalProperties"], dict):
        return f"object of {_type(schema['additionalProperties'], schemas)}"
    return str(schema.get("format") or schema.get("type", "anything"))
