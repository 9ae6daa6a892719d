"""The pages: list, show, create and edit, alike for each resource."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from flask import Blueprint
from flask import abort
from flask import redirect
from flask import render_template
from flask import request
from flask import url_for
from werkzeug.wrappers import Response

from .links import ITEM
from .links import older
from .resources import Resource

Answer = str | tuple[str, int] | Response


def blueprint(resource: Resource) -> Blueprint:
    """Build the pages of one resource."""
    pages = Blueprint(resource.name, __name__, url_prefix=f"/{resource.name}")

    def form(
        row: t.Any, values: t.Mapping[str, t.Any], errors: dict[str, str]
    ) -> Answer:
        page = render_template(
            "form.html", resource=resource, row=row, values=values, errors=errors
        )
        return page, 422 if errors else 200

    @pages.get("")
    def index() -> Answer:
        page, errors = resource.page(request)
        if page is None:
            abort(400, "; ".join(f"{name} {what}" for name, what in errors.items()))
        return render_template(
            "list.html", resource=resource, page=page, next=older(page)
        )

    @pages.get(ITEM)
    def show(id: int) -> Answer:
        row = resource.get_or_404(id)
        attributes = [c.key for c in sa.inspect(resource.model).column_attrs]
        columns = sorted(attributes, key=resource.elsewhere.__contains__)
        return render_template("show.html", resource=resource, row=row, columns=columns)

    @pages.get("/new")
    def new() -> Answer:
        return form(None, {f.name: f.default for f in resource.fields}, {})

    @pages.post("")
    def create() -> Answer:
        row, errors = resource.save(None, request.form, partial=False)
        if row is None:
            return form(None, request.form, errors)
        return redirect(url_for(".show", id=row.id), 303)

    @pages.get(f"{ITEM}/edit")
    def edit(id: int) -> Answer:
        row = resource.get_or_404(id)
        values = {f.name: getattr(row, f.name) for f in resource.fields}
        return form(row, values, {})

    @pages.post(ITEM)
    def change(id: int) -> Answer:
        row = resource.get_or_404(id)
        saved, errors = resource.save(row, request.form, partial=True)
        if saved is None:
            return form(row, request.form, errors)
        return redirect(url_for(".show", id=id), 303)

    return pages
