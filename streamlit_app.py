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

    from vidgen_core.dashboard.shell import streamlit_fixes
    from vidgen_core.dashboard.shell.first_page import FirstPage
    from vidgen_core.dashboard.shell.shell import LOOK, tell_of
    from vidgen_core.web import serve

    streamlit_fixes.install()
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
