"""Lovart: its API and, in ``browser``, its page."""
