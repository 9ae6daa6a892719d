"""The pages and the JSON API."""

from __future__ import annotations

from flask import Blueprint
from flask import Flask
from flask import render_template

from . import html
from . import json
from . import problems
from . import search
from .resources import RESOURCES

home = Blueprint("home", __name__)


@home.get("/")
def index() -> str:
    return render_template("index.html", resources=RESOURCES)


def init_app(app: Flask) -> None:
    """Add the routes of each resource, and the error pages, to an app."""
    app.register_blueprint(home)
    for resource in RESOURCES:
        app.register_blueprint(html.blueprint(resource))
        app.register_blueprint(json.blueprint(resource))
    app.register_blueprint(search.results)
    app.jinja_env.globals["resources"] = RESOURCES
    problems.init_app(app)
