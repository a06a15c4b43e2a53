"""Providers: one folder each; ``registry`` knows them all."""

# Registers the folders, whichever module in here is asked for first.
import vidgen_core.domain.providers  # noqa: F401
