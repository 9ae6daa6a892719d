"""Names of what an operation makes for itself in the database."""

from __future__ import annotations

import hashlib

_LONGEST = 63
"""PostgreSQL's limit; MySQL's and MariaDB's is 64."""


def of(*parts: str) -> str:
    """Return a name made of parts, the same each time, and cut to fit.

    ::

        >>> of("not_null", "users", "email")
        'datamigrate_not_null_users_email'
    """
    name = "_".join(("datamigrate", *parts))
    if len(name.encode()) <= _LONGEST:
        return name
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]
    head = name.encode()[: _LONGEST - 11].decode(errors="ignore")
    return f"{head}_{digest}"
