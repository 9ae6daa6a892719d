"""What every snippet must give, and for which inputs: a module for each family."""

from __future__ import annotations

from . import dates
from . import documents
from . import strings
from . import values

ALL = [*strings.ALL, *values.ALL, *dates.ALL, *documents.ALL]
"""Every :class:`~tests.snippets.parity.Parity`, in the order of the documentation."""
