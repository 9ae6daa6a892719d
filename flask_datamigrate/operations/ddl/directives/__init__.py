"""The safe DDL directives, made known to Alembic.

As ``operations.plugin``, these modules are loaded while Alembic is half imported:
they import nothing but ``alembic.operations``, and the work when it is called.
"""

from __future__ import annotations

from . import archives as archives
from . import constraints as constraints
from . import enums as enums
from . import foreign_keys as foreign_keys
from . import indexes as indexes
from . import syncs as syncs
from . import tables as tables
from . import triggers as triggers
