"""Who may do what with a table of PostgreSQL, for a view that takes over its name."""

from __future__ import annotations

from ...quoting import full_name
from .site import Site

_GRANTS = """
SELECT coalesce(quote_ident(attname), ''), privilege_type, is_grantable,
CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
FROM (
  SELECT NULL AS attname, relowner, (aclexplode(relacl)).* FROM pg_class
  WHERE oid = CAST(:table AS regclass)
  UNION ALL
  SELECT attname, relowner, (aclexplode(attacl)).* FROM pg_attribute
  JOIN pg_class ON pg_class.oid = attrelid
  WHERE attrelid = CAST(:table AS regclass)
) g
WHERE grantee <> relowner
AND privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
ORDER BY 1, 2, 4
"""
_OWNER = """
SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class
WHERE oid = CAST(:table AS regclass) AND pg_get_userbyid(relowner) <> current_user
"""


def statements(
    site: Site, table: str, schema: str | None, *, view: str | None = None
) -> list[str]:
    """Return what gives a view the owner and the grants of a table.

    :param view: its name; by default that of the table, which gets another one.
    """
    name = site.full_name(table, schema)
    to = full_name(site.dialect, view or table, schema)
    found = []
    for column, privilege, grantable, grantee in site.rows(_GRANTS, table=name):
        what = f"{privilege} ({column})" if column else privilege
        also = " WITH GRANT OPTION" if grantable else ""
        found.append(f"GRANT {what} ON {to} TO {grantee}{also}")
    owner = site.scalar(_OWNER, table=name)
    if owner:
        found.append(f"ALTER VIEW {to} OWNER TO {owner}")
    return found


def has_policies(site: Site, table: str, schema: str | None) -> bool:
    """Tell whether row security is on for a table."""
    return bool(
        site.scalar(
            "SELECT relrowsecurity FROM pg_class WHERE oid = CAST(:table AS regclass)",
            table=site.full_name(table, schema),
        )
    )
