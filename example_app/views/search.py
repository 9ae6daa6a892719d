"""Full-text search over bugs, as a page and as JSON."""

from __future__ import annotations

from flask import Blueprint
from flask import abort
from flask import make_response
from flask import render_template
from flask import request
from werkzeug.wrappers import Response

from .. import fields
from .. import pages
from .. import search
from ..fields import Field
from ..models import Bug
from .json import as_json
from .links import older
from .links import wants_json
from .resources import BUGS

PARAMETERS = (
    Field("q", "Words", fields.text(search.LONGEST)),
    Field("before", "before", fields.key),
    Field("limit", "limit", fields.key),
)

results = Blueprint("search", __name__)


@results.get("/search")
@results.get("/api/search", endpoint="api")
def index() -> Response:
    """Find the bugs that have all words of ``q``, newest first.

    The page, or JSON for a client that would rather have that (``Accept``) or asks
    below ``/api``.
    """
    asked, errors = fields.read(PARAMETERS, request.args, partial=True)
    if errors and not wants_json():
        abort(400, "; ".join(f"{name} {what}" for name, what in errors.items()))
    page = pages.Page([], None)
    wanted = search.words(asked.get("q") or "")
    if wanted and not errors:
        page = pages.newest(
            Bug,
            [search.finds(wanted)],
            BUGS.options(),
            before=asked.get("before"),
            limit=asked.get("limit") or pages.PAGE,
        )
    if errors:
        response = make_response({"errors": errors}, 400)
    elif wants_json():
        found = [as_json(row) for row in page.rows]
        response = make_response({"bugs": found, "next": older(page)})
    else:
        response = make_response(
            render_template(
                "search.html",
                resource=BUGS,
                page=page,
                next=older(page),
                q=asked.get("q") or "",
                wanted=wanted,
                longest=search.LONGEST,
            )
        )
    response.vary.add("Accept")
    return response
