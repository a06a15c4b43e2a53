"""What the dashboard's process serves beside the screens: media, health, and the signal that something changed.

``serve(address)`` answers what ``st.App`` is to be built with. Nothing here imports Streamlit.
"""

from vidgen_core.web.app_instance import get_vidgen
from vidgen_core.web.lifespan import Serving, serve

__all__ = ["Serving", "get_vidgen", "serve"]
