"""Lovart's page in the user's own browser window."""
