"""Diagnostics, control of the worker, cleanup, restore and the log."""
