"""Starlette's test client; its notice about the next httpx is of no concern here."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

#: What a browser on this machine sends as ``Host``.
HERE = "http://127.0.0.1:8501"
WS = HERE.replace("http", "ws")

__all__ = ["HERE", "WS", "TestClient"]
