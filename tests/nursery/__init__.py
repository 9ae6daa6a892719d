"""Processes that begin with the libraries imported, which is most of their work.

A new ``flask …`` spends a second on importing Flask, SQLAlchemy and Alembic. A test
process that starts many keeps one that has done so, the nursery, and each of its
processes is a fork of that one: a process like any other, with a number, signals,
output and exit code of its own.
"""

from __future__ import annotations

from .client import ROOT
from .client import Forked
from .client import Process
from .client import start

__all__ = ["ROOT", "Forked", "Process", "start"]
