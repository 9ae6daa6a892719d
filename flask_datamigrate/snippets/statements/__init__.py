"""Whole statements that mean the same on every database."""

from __future__ import annotations

from .changed import Returning as Returning
from .changed import returning as returning
from .inserting import Insertion as Insertion
from .inserting import insert_missing as insert_missing
from .inserting import upsert as upsert
from .joining import UpdateFrom as UpdateFrom
from .joining import update_from as update_from
from .proposed import excluded as excluded

__all__ = [
    "Insertion",
    "Returning",
    "UpdateFrom",
    "excluded",
    "insert_missing",
    "returning",
    "update_from",
    "upsert",
]
