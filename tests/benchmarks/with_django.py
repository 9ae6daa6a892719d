"""The same two jobs with Django, with the tutorials' loops, and with a backfill.

    python -m pip install django
    python -m tests.benchmarks.with_django \\
        --url postgresql+psycopg://postgres@127.0.0.1/postgres
    python -m tests.benchmarks.with_django --url mysql+pymysql://root@127.0.0.1/
    python -m tests.benchmarks.with_django --url sqlite://

The first job computes a score in Python; the second sets three columns by expressions
of the database. Django's ways are those of its documentation on data migrations, with
``Func`` for the expressions. It takes psycopg 3 where that is installed. Each run gets
a fresh copy of the table, and all ways must come to the same values.
"""

from __future__ import annotations

import functools
import sys
import typing as t

import django
import sqlalchemy as sa
from django.conf import settings

from flask_datamigrate import Backfill
from tests.benchmarks import arguments
from tests.benchmarks import python_rows
from tests.benchmarks import timing
from tests.benchmarks.people import People
from tests.benchmarks.people import people
from tests.benchmarks.runs import run
from tests.benchmarks.set_based import STATEMENT

PAGE = 10_000
"""Rows of a page, for the ways that have pages."""

_ENGINES = {"postgresql": "postgresql", "mysql": "mysql", "sqlite": "sqlite3"}


def main(argv: t.Sequence[str] | None = None) -> None:
    """Print the ratios of both jobs for one database."""
    parser = arguments.parser(__doc__, rows=50_000, runs=3)
    args = parser.parse_args(argv)
    with arguments.scratch(args.url, wal=args.wal) as database:
        table = People(database, args.rows)
        engine = database.engine()
        connect(sa.make_url(database.url), database.name)
        version = f"Django {django.get_version()}"
        print(f"{engine.name} ({engine.driver}), {args.rows:,} rows, {args.runs} runs")
        print(version, file=sys.stderr)
        for job in (score_in_python(engine), set_by_expressions(engine)):
            came_to = set()

            def check(came_to: set[t.Any] = came_to) -> None:
                done = (
                    "SELECT count(score), sum(score * (id % 97)), count(login) "
                    "FROM people"
                )
                (values,) = database.rows(done)
                assert values[0] == args.rows
                came_to.add(tuple(map(int, values)))

            seconds = timing.interleaved(
                job, args.runs, before=table.refresh, after=check
            )
            assert len(came_to) == 1, f"the ways came to {came_to}"
            print()
            print(timing.ratios(seconds, "backfill"))


def connect(url: sa.URL, name: str) -> None:
    """Set Django up on the database of a benchmark."""
    if name == "mysql":
        import pymysql

        pymysql.install_as_MySQLdb()
    settings.configure(
        DATABASES={
            "default": {
                "ENGINE": f"django.db.backends.{_ENGINES[name]}",
                "NAME": url.database,
                "USER": url.username or "",
                "PASSWORD": url.password or "",
                "HOST": url.host or "",
                "PORT": url.port or "",
            }
        }
    )
    django.setup()


def person() -> t.Any:
    """Return Django's model of the table."""
    from django.apps import apps
    from django.db import models

    if "person" in apps.all_models["benchmarks"]:
        return apps.all_models["benchmarks"]["person"]

    class Person(models.Model):
        id = models.IntegerField(primary_key=True)
        full_name = models.CharField(max_length=100)
        email = models.CharField(max_length=100)
        sort_name = models.CharField(max_length=100, null=True)
        login = models.CharField(max_length=100, null=True)
        score = models.IntegerField(null=True)

        class Meta:
            app_label = "benchmarks"
            managed = False
            db_table = "people"

    return Person


def score_in_python(engine: sa.Engine) -> dict[str, t.Callable[[], object]]:
    """Return the ways to compute a column in Python, by name."""
    from django.db import transaction

    model = person()

    def computed(record: t.Any) -> t.Any:
        record.score = python_rows.score(record.full_name, record.email)
        return record

    def save() -> None:
        with transaction.atomic():
            for record in model.objects.filter(score__isnull=True).iterator():
                computed(record).save(update_fields=["score"])

    def bulk_update() -> None:
        with transaction.atomic():
            records = model.objects.filter(score__isnull=True)
            model.objects.bulk_update(
                [computed(record) for record in records], ["score"], batch_size=1000
            )

    return {
        "Django, save() in a loop": save,
        "Django, bulk_update": bulk_update,
        "tutorial's loop, SQLAlchemy": functools.partial(python_rows.loop, engine),
        "loop, bare driver": functools.partial(python_rows.driver_loop, engine),
        "backfill": functools.partial(python_rows.backfill, engine),
    }


def set_by_expressions(engine: sa.Engine) -> dict[str, t.Callable[[], object]]:
    """Return the ways to set columns by expressions, by name."""
    from django.db.models import Value
    from django.db.models import functions

    model = person()
    values = {
        "sort_name": functions.Upper("full_name"),
        "login": functions.Replace("email", Value("@example.org"), Value("")),
        # Django's Length counts characters; MySQL's LENGTH, which the others use,
        # counts bytes. The sum of the check tells them apart.
        "score": _length("full_name"),
    }

    def update() -> None:
        model.objects.filter(score__isnull=True).update(**values)

    def ranged() -> None:
        last = model.objects.order_by("-id").values_list("id", flat=True)[0]
        for low in range(0, last, PAGE):
            model.objects.filter(
                id__gt=low, id__lte=low + PAGE, score__isnull=True
            ).update(**values)

    def pages() -> None:
        c = people.c
        ids = sa.select(c.id).where(c.score.is_(None)).limit(PAGE)
        while True:
            with engine.begin() as connection:
                found = connection.execute(ids).scalars().all()
                if not found:
                    return
                connection.execute(STATEMENT.where(c.id.in_(found)))

    def one_update() -> None:
        with engine.begin() as connection:
            connection.execute(STATEMENT)

    return {
        "one UPDATE": one_update,
        "Django, update()": update,
        f"Django, update() of ranges of {PAGE:,}": ranged,
        f"tutorial's pages of {PAGE:,}: SELECT … LIMIT, UPDATE … IN": pages,
        "backfill": functools.partial(run, engine, Backfill(STATEMENT)),
    }


def _length(column: str) -> t.Any:
    from django.db.models import Func
    from django.db.models import IntegerField

    return Func(column, function="LENGTH", output_field=IntegerField())


if __name__ == "__main__":
    main()
