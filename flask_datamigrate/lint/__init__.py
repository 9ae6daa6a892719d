"""Reads migration scripts for what will break, without running any of them."""
