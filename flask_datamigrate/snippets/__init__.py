"""SQL that means the same on every database.

Names are loaded when they are first used: every command that reads the revisions
imports what they import, and most use a few snippets or none.
"""

from __future__ import annotations

import importlib
import typing as t

if t.TYPE_CHECKING:
    from .aggregates import string_agg as string_agg
    from .branching import branch as branch
    from .branching import nothing as nothing
    from .capitals import initcap as initcap
    from .comparisons import differs as differs
    from .date_parts import age_in_years as age_in_years
    from .date_parts import date_part as date_part
    from .date_parts import day as day
    from .date_parts import day_of_week as day_of_week
    from .date_parts import day_of_year as day_of_year
    from .date_parts import epoch as epoch
    from .date_parts import hour as hour
    from .date_parts import iso_week as iso_week
    from .date_parts import iso_year as iso_year
    from .date_parts import microsecond as microsecond
    from .date_parts import minute as minute
    from .date_parts import month as month
    from .date_parts import quarter as quarter
    from .date_parts import second as second
    from .date_parts import year as year
    from .date_steps import date as date
    from .date_steps import date_add as date_add
    from .date_steps import date_trunc as date_trunc
    from .date_steps import now_utc as now_utc
    from .dates_in_texts import cast_date as cast_date
    from .documents import json_get as json_get
    from .documents import json_get_text as json_get_text
    from .documents import json_object as json_object
    from .documents import json_remove as json_remove
    from .documents import json_set as json_set
    from .numbers import cast_int as cast_int
    from .replacing import regexp_replace as regexp_replace
    from .statements import excluded as excluded
    from .statements import insert_missing as insert_missing
    from .statements import returning as returning
    from .statements import update_from as update_from
    from .statements import upsert as upsert
    from .substrings import split_part as split_part
    from .substrings import substring_after as substring_after
    from .substrings import substring_before as substring_before
    from .values import greatest as greatest
    from .values import least as least
    from .values import md5 as md5
    from .values import random_uuid as random_uuid

__all__ = [
    "age_in_years",
    "branch",
    "cast_date",
    "cast_int",
    "date",
    "date_add",
    "date_part",
    "date_trunc",
    "day",
    "day_of_week",
    "day_of_year",
    "differs",
    "epoch",
    "excluded",
    "greatest",
    "hour",
    "initcap",
    "insert_missing",
    "iso_week",
    "iso_year",
    "json_get",
    "json_get_text",
    "json_object",
    "json_remove",
    "json_set",
    "least",
    "md5",
    "microsecond",
    "minute",
    "month",
    "nothing",
    "now_utc",
    "quarter",
    "random_uuid",
    "regexp_replace",
    "returning",
    "second",
    "split_part",
    "string_agg",
    "substring_after",
    "substring_before",
    "update_from",
    "upsert",
    "year",
]

_HOMES = {
    "age_in_years": "date_parts",
    "branch": "branching",
    "cast_date": "dates_in_texts",
    "cast_int": "numbers",
    "date": "date_steps",
    "date_add": "date_steps",
    "date_part": "date_parts",
    "date_trunc": "date_steps",
    "day": "date_parts",
    "day_of_week": "date_parts",
    "day_of_year": "date_parts",
    "differs": "comparisons",
    "epoch": "date_parts",
    "excluded": "statements",
    "greatest": "values",
    "hour": "date_parts",
    "initcap": "capitals",
    "insert_missing": "statements",
    "iso_week": "date_parts",
    "iso_year": "date_parts",
    "json_get": "documents",
    "json_get_text": "documents",
    "json_object": "documents",
    "json_remove": "documents",
    "json_set": "documents",
    "least": "values",
    "md5": "values",
    "microsecond": "date_parts",
    "minute": "date_parts",
    "month": "date_parts",
    "nothing": "branching",
    "now_utc": "date_steps",
    "quarter": "date_parts",
    "random_uuid": "values",
    "regexp_replace": "replacing",
    "returning": "statements",
    "second": "date_parts",
    "split_part": "substrings",
    "string_agg": "aggregates",
    "substring_after": "substrings",
    "substring_before": "substrings",
    "update_from": "statements",
    "upsert": "statements",
    "year": "date_parts",
}


def __getattr__(name: str) -> t.Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f".{_HOMES[name]}", __name__)
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
