"""Writing migrations: frozen tables from a database or models, and new revisions."""
