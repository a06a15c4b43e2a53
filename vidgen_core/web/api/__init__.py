"""The HTTP API: one FastAPI application below ``/api``, in the same process and on the same port as the screens."""

from vidgen_core.web.api.application import make_api

__all__ = ["make_api"]
