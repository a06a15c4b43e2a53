"""Routes of the HTTP API, by noun."""
