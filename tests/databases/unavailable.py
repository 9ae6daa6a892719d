"""The reason why there is no server of some kind on this machine."""

from __future__ import annotations


class Unavailable(Exception):
    """No server can be had here; the tests that need one are skipped."""
