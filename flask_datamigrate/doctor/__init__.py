"""Looks an installation over, and names what mends each thing that is wrong."""
