"""Yunwu."""
