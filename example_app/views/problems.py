"""Answers to requests that cannot be served, in the client's own language."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask
from flask import json
from flask import render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.wrappers import Response

from .. import causes
from ..database import SEARCH
from ..database import db
from .again import begin_again
from .links import wants_json
from .resources import RESOURCES

NOT_UPGRADED = (
    "The database does not have the tables this app needs. "
    "Run: flask --app example_app db upgrade"
)


def init_app(app: Flask) -> None:
    """Answer errors as JSON below ``/api``, and as a page elsewhere."""
    app.register_error_handler(HTTPException, explain)
    app.register_error_handler(DBAPIError, explain_database)


def explain(error: HTTPException) -> Response:
    response = error.get_response()
    if response.status_code < 400:
        return response
    if wants_json():
        response.data = json.dumps({"error": error.description})
        response.content_type = "application/json"
    else:
        response.data = render_template("problem.html", error=error)
    return response


def explain_database(error: DBAPIError) -> ResponseReturnValue:
    """Begin again; then tell a database that was not upgraded from a real fault."""
    try:
        return begin_again(error)
    except HTTPException as problem:
        return explain(problem)
    except DBAPIError:
        db.session.rollback()
        if _is_upgraded():
            raise
        return explain(ServiceUnavailable(NOT_UPGRADED))


def _is_upgraded() -> bool:
    schema = sa.inspect(db.engine)
    return all(
        schema.has_table(name)
        and columns <= {c["name"] for c in schema.get_columns(name)}
        for name, columns in _needed().items()
    )


def _needed() -> dict[str, set[str]]:
    """Return the columns that this code uses, by table."""
    mapped = [sa.inspect(resource.model) for resource in RESOURCES]
    needed = {
        mapper.local_table.name: {
            column.name for column in mapper.columns if isinstance(column, sa.Column)
        }
        for mapper in mapped
    }
    needed["bugs"].add(SEARCH)
    for name, columns in causes.columns().items():
        needed.setdefault(name, set()).update(columns)
    return needed
