"""What the dashboard's process serves beside the screens: media, health, and the signal that something changed.

``ROUTES``, ``middleware`` and ``lifespan`` are handed to ``st.App``. Nothing here imports Streamlit.
"""

from vidgen_core.server.guard import middleware
from vidgen_core.server.house import get_vidgen
from vidgen_core.server.lifespan import lifespan
from vidgen_core.server.routes import ROUTES

__all__ = ["ROUTES", "get_vidgen", "lifespan", "middleware"]
