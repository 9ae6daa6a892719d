"""The JSON API: list, show, create and edit, alike for each resource."""

from __future__ import annotations

import datetime as dt
import decimal
import typing as t

import sqlalchemy as sa
from flask import Blueprint
from flask import request

from .links import ITEM
from .links import older
from .resources import Resource

Answer = tuple[dict[str, t.Any], int]


def blueprint(resource: Resource) -> Blueprint:
    """Build the routes of one resource below ``/api``."""
    api = Blueprint(
        f"{resource.name}_api", __name__, url_prefix=f"/api/{resource.name}"
    )

    @api.get("")
    def index() -> Answer:
        page, errors = resource.page(request)
        if page is None:
            return {"errors": errors}, 400
        return {
            resource.name: [as_json(row) for row in page.rows],
            "next": older(page),
        }, 200

    @api.post("")
    def create() -> Answer:
        row, errors = resource.save(None, sent(), partial=False)
        return ({"errors": errors}, 422) if errors else (as_json(row), 201)

    @api.get(ITEM)
    def show(id: int) -> Answer:
        return as_json(resource.get_or_404(id)), 200

    @api.patch(ITEM)
    def edit(id: int) -> Answer:
        row = resource.get_or_404(id)
        row, errors = resource.save(row, sent(), partial=True)
        return ({"errors": errors}, 422) if errors else (as_json(row), 200)

    return api


def sent() -> dict[str, object]:
    """Return the JSON object of the request; anything else counts as empty."""
    body = request.get_json()
    return body if isinstance(body, dict) else {}


def as_json(row: t.Any) -> dict[str, t.Any]:
    """Return the columns of a row in types that JSON has."""
    return {
        column.key: _plain(getattr(row, column.key))
        for column in sa.inspect(type(row)).column_attrs
    }


def _plain(value: t.Any) -> t.Any:
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    return value
