"""The checks, in the order they are made and shown."""

from __future__ import annotations

from ..check import Check
from ..subjects import Installation
from ..subjects import Patient
from ..subjects import Project
from . import constraints
from . import drivers
from . import engines
from . import environment
from . import half_done
from . import heads
from . import indexes
from . import kept
from . import keys
from . import left_tables
from . import libraries
from . import locks
from . import runs
from . import servers
from . import set_aside
from . import sqlite
from . import stages
from . import state_tables
from . import syncs
from . import versions

OF_THE_APP: tuple[Check[Installation], ...] = (
    libraries.CHECK,
    keys.CHECK,
    drivers.CHECK,
)
"""What can be seen without a database."""

OF_THE_MIGRATIONS: tuple[Check[Project], ...] = (
    environment.CHECK,
    heads.CHECK,
    stages.CHECK,
)
"""What is seen of the scripts, and of what ``env.py`` does with them."""

OF_A_DATABASE: tuple[Check[Patient], ...] = (
    servers.CHECK,
    versions.CHECK,
    state_tables.CHECK,
    runs.CHECK,
    half_done.CHECK,
    set_aside.CHECK,
    locks.CHECK,
    indexes.CHECK,
    constraints.CHECK,
    syncs.CHECK,
    left_tables.CHECK,
    kept.CHECK,
    engines.CHECK,
    sqlite.CHECK,
)
"""What is seen of each database that ``env.py`` migrates."""
