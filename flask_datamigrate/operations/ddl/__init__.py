"""Schema changes that do not stop traffic: one module an operation.

``directives`` makes them known to Alembic; ``runner`` runs one; ``operation`` says
what one has to answer; ``site`` is the database it asks; ``locks`` lets a statement
wait for its lock only briefly, and again; ``blockers`` tells who holds it.
"""
