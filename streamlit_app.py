"""Vidgen's dashboard: ``streamlit run streamlit_app.py``.

One file with two roles: the server imports it to find the ASGI app, and Streamlit runs it as ``__main__`` for every
visitor.
"""

import gc
from pathlib import Path

import streamlit as st

if __name__ != "__main__":
    # Nothing of what is imported becomes waste; the lifespan turns it on again.
    gc.disable()

    from starlette.middleware import Middleware
    from streamlit.runtime.pages_manager import PagesManager
    from streamlit.watcher.polling_path_watcher import PollingPathWatcher

    from vidgen_core.dashboard.shell import session_lookup
    from vidgen_core.dashboard.shell.first_page import FirstPage
    from vidgen_core.dashboard.shell.shell import LOOK, tell_of
    from vidgen_core.web import serve

    # A folder named ``pages`` beside the script makes Streamlit run its files alone when the first visitor of a fresh
    # process comes by a deep link; the navigation is built in code here.
    PagesManager.uses_pages_directory = False
    # Streamlit looks for changes of its configuration five times a second and file, although nothing is changed while it runs.
    PollingPathWatcher._schedule = lambda _self: None
    session_lookup.install()
    serving = serve(st.get_option("server.address"), st.get_option("server.baseUrlPath"))
    app = st.App(
        __file__,
        routes=serving.routes,
        middleware=[*serving.middleware, Middleware(FirstPage, style=LOOK)],
        lifespan=serving.lifespan,
        on_script_error=tell_of,
    )
else:
    from vidgen_core.dashboard.shell.shell import render
    from vidgen_core.web import get_vidgen

    render(get_vidgen, Path(__file__).parent / "pages")
