"""Script: from a text to a storyboard that is looked over before it is stored."""

from pathlib import Path

import streamlit as st

from vidgen_core.dashboard.script import scripts as script_work
from vidgen_core.dashboard.session import current_visit

visit = current_visit()
st.markdown(f"### {visit.t('script.title')}")
script_work.form(visit)
script_work.scripts(visit, Path(__file__).with_name("shots.py"))
