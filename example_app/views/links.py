"""The shape of URLs, for the pages and for the API."""

from __future__ import annotations

import urllib.parse

from flask import request

from ..pages import Page

ITEM = "/<int(max=2147483647):id>"
"""The rest of the URL of one row; a larger number is no key of any row."""


def wants_json() -> bool:
    """Tell whether the answer is to be JSON: below ``/api``, or by ``Accept``."""
    if request.path.startswith("/api/"):
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best == "application/json"


def older(page: Page) -> str | None:
    """Return the URL of the page after this one, with all the request asked for."""
    if page.before is None:
        return None
    query = urllib.parse.urlencode({**request.args, "before": page.before})
    return f"{request.path}?{query}"
