"""The page of the documentation that has what each snippet becomes, and gives.

``python -m tests.snippets.page`` writes it anew, from the inputs and functions that the
databases are compared with.
"""

from __future__ import annotations

import re
import typing as t

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from tests.docs.blocks import ROOT
from tests.snippets.cases import ALL
from tests.snippets.parity import Parity
from tests.snippets.parity import call

PAGE = ROOT / "docs" / "reference" / "snippets.md"
BEGIN = "<!-- Begin of what python -m tests.snippets.page writes -->"
END = "<!-- End of what python -m tests.snippets.page writes -->"

DIALECTS = {
    "PostgreSQL": "postgresql+psycopg2://",
    "MariaDB": "mariadb+pymysql://",
    "MySQL": "mysql+pymysql://",
    "SQLite": "sqlite://",
}


def page() -> str:
    """Return the page as it should be: its own text, with the tables of today."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    named: dict[str, Parity] = {}
    for parity in ALL:
        named.setdefault(parity.name, parity)
    sections = "\n".join(map(_section, named.values()))
    return f"{before}{BEGIN}\n\n{sections}\n{END}{after}"


def _section(parity: Parity) -> str:
    expression = call(parity.source, parity.table())
    lines = [
        f"## {parity.name}",
        "",
        "```{eval-rst}",
        f".. autofunction:: flask_datamigrate.snippets.{parity.name}",
        "```",
        "",
        f"{_code(parity.source)} becomes:",
        "",
        "| on | SQL |",
        "|---|---|",
        *(f"| {sql} | {_code(name)} |" for sql, name in _by_dialect(expression)),
        "",
    ]
    if parity.shown:
        lines += [*_results(parity, expression), ""]
    return "\n".join(lines)


def _by_dialect(expression: sa.ColumnElement[t.Any]) -> t.Iterator[tuple[str, str]]:
    names: dict[str, list[str]] = {}
    for name, url in DIALECTS.items():
        cls = sa.make_url(url).get_dialect()
        # Percent signs are then as the server gets them.
        dialect = cls(paramstyle="named")
        names.setdefault(_shortened(str(expression.compile(dialect=dialect))), [])
        names[_shortened(str(expression.compile(dialect=dialect)))].append(name)
    for sql, same in names.items():
        yield ", ".join(same), sql


def _shortened(sql: str) -> str:
    """Cut literals that are lists of letters, and spell what cannot be seen."""
    sql = re.sub(r"'([^' ]{8})[^' ]{60,}([^' ]{8})'", r"'\1…\2'", sql)
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in sql)


def _results(parity: Parity, expression: sa.ColumnElement[t.Any]) -> list[str]:
    columns = {e.name for e in visitors.iterate(expression) if isinstance(e, sa.Column)}
    used = [i for i, name in enumerate(parity.columns) if name in columns]
    names = [list(parity.columns)[i] for i in used]
    results = [result for result, *_ in parity.expected(parity.shown)]
    if parity.aggregate:
        groups: dict[t.Any, list[t.Any]] = {}
        for row in parity.shown:
            groups.setdefault(row[0], []).append(tuple(row[i] for i in used))
        inputs = [
            [
                ", ".join(_value(row[i]) for row in groups[group])
                for i in range(len(used))
            ]
            for group in sorted(groups)
        ]
    else:
        inputs = [[_value(row[i]) for i in used] for row in parity.shown]
    return [
        f"| {' | '.join(map(_code, names))} | result |",
        f"|{'---|' * (len(names) + 1)}",
        *(
            f"| {' | '.join(map(_code, cells))} | {_code(_value(result))} |"
            for cells, result in zip(inputs, results, strict=True)
        ),
    ]


def _value(value: t.Any) -> str:
    return "NULL" if value is None else repr(value)


def _code(text: str) -> str:
    # A bar ends the cell of a table, in code too.
    return f"`` {text} ``".replace("|", "\\|") if "`" in text else _plain(text)


def _plain(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
