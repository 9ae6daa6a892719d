"""Indexes that a backfill drops for its run, and makes again at its end."""
