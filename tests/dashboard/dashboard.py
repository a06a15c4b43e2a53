"""What ``streamlit_app.py`` runs for each visitor, from a folder without ``pages`` beside it.

AppTest takes such a folder for old-style pages and would run them alone, without the shell; the server is told not to.
"""

from pathlib import Path

import streamlit as st

from vidgen_core.dashboard.shell.shell import render
from vidgen_core.web import get_vidgen

act = st.session_state.pop("_test_act", None)
if act is not None:
    act()
render(get_vidgen, Path(__file__).parents[2] / "pages")
