"""Staged changes: expand, migrate, contract, tied to the app's config."""
