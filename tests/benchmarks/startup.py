"""What the extension adds to an app's start, and to an upgrade with nothing to do.

    python -m tests.benchmarks.startup --url sqlite://
    python -m tests.benchmarks.startup \\
        --url postgresql+psycopg2://postgres@127.0.0.1/postgres

First, in fresh interpreters that have imported Flask-SQLAlchemy and Flask-Migrate: the
time to import the extension and to set it up on an app, ours and Flask-Migrate's own.
Then the whole process of ``flask db upgrade`` on a database that is at its head.
"""

from __future__ import annotations

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import typing as t

from tests.apps import Project
from tests.benchmarks import arguments
from tests.benchmarks import timing

INIT = """
import time
import flask, flask_migrate, flask_sqlalchemy
app = flask.Flask("app")
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
db = flask_sqlalchemy.SQLAlchemy(app)
started = time.perf_counter()
from {module} import {name}
{name}().init_app(app, db)
print(time.perf_counter() - started)
"""

ENTRY = """
import os
import flask, flask_sqlalchemy
from {module} import {name}
app = flask.Flask("app")
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
db = flask_sqlalchemy.SQLAlchemy(app)
{name}().init_app(app, db, directory=os.environ["MIGRATIONS"])
"""

REVISION = """
def upgrade():
    op.create_table("things", sa.Column("id", sa.Integer, primary_key=True))

def downgrade():
    op.drop_table("things")
"""

EXTENSIONS = {
    "Flask-Migrate": {"module": "flask_migrate", "name": "Migrate"},
    "Flask-DataMigrate": {"module": "flask_datamigrate", "name": "DataMigrate"},
}


def main(argv: t.Sequence[str] | None = None) -> None:
    """Print what an app's start and an idle upgrade cost."""
    parser = arguments.parser(__doc__, rows=0, runs=21)
    args = parser.parse_args(argv)
    print("Import and init_app, after Flask-Migrate was imported\n")
    print(init_app(args.runs))
    with arguments.scratch(args.url, wal=args.wal) as database:
        print(f"\nflask db upgrade with nothing to do, {database.name}\n")
        print(idle_upgrade(database.url, args.runs))


def init_app(runs: int) -> str:
    """Time the set-up of the extension in fresh interpreters."""
    seconds: timing.Seconds = {name: [] for name in EXTENSIONS}
    for _ in range(runs):
        for name, extension in EXTENSIONS.items():
            ran = subprocess.run(
                [sys.executable, "-c", INIT.format(**extension)],
                env=_environment(),
                check=True,
                capture_output=True,
                text=True,
            )
            seconds[name].append(float(ran.stdout))
    rows = [
        (name, f"{statistics.median(times) * 1000:.1f}", f"{min(times) * 1000:.1f}")
        for name, times in seconds.items()
    ]
    return timing.table(("extension", "median, ms", "fastest, ms"), rows)


def idle_upgrade(url: str, runs: int) -> str:
    """Time whole processes of ``flask db upgrade`` on a database at its head."""
    with tempfile.TemporaryDirectory() as home:
        project = Project(pathlib.Path(home), url).init()
        project.revision("r1", REVISION)
        project.flask("db", "upgrade")
        environment = _environment(DATABASE_URL=url, MIGRATIONS=str(project.migrations))
        ways: dict[str, t.Callable[[], object]] = {}
        for name, extension in EXTENSIONS.items():
            entry = project.path / f"{extension['module']}_app.py"
            entry.write_text(ENTRY.format(**extension))

            def upgrade(app: str = str(entry)) -> None:
                subprocess.run(
                    [sys.executable, "-m", "flask", "--app", app, "db", "upgrade"],
                    env=environment,
                    check=True,
                    capture_output=True,
                )

            upgrade()
            ways[name] = upgrade
        seconds = timing.interleaved(ways, runs)
    return timing.ratios(seconds, "Flask-Migrate", unit="ms", digits=0)


def _environment(**more: str) -> dict[str, str]:
    root = str(pathlib.Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": root, **more}


if __name__ == "__main__":
    main()
