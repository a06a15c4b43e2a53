"""What the dashboard's process serves beside the screens: the HTTP API, media, sign-in and change events.

``serve(address)`` returns what ``st.App`` is to be built with. Nothing here imports Streamlit.
"""

from vidgen_core.web.app_instance import get_vidgen
from vidgen_core.web.server import Serving, serve

__all__ = ["Serving", "get_vidgen", "serve"]
