"""Providers: one folder each; ``registry`` knows them all."""
