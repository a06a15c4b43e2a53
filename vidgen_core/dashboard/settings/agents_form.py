"""Settings of agents: who may work here as a program, within which limits; letting one in, and revoking its token."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import pandas as pd
import streamlit as st

from vidgen_core.dashboard.components import dialogs
from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.components.media import outside
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, toast_later
from vidgen_core.domain.agents import Agent
from vidgen_core.services.access.agents import ROLES
from vidgen_core.services.access.permissions import Role

_NAME, _ROLE, _PROJECTS = "agent_name", "agent_role", "agent_projects"
_DAY, _ALL = "agent_per_day", "agent_in_all"
#: Name and token of the agent that was just let in, until they were copied.
_TOKEN: Final = "_agent_token"  # noqa: S105 - a name


def show(visit: Visit) -> None:
    """Draw the section."""
    t = visit.t
    parts = str(st.context.url or "http://127.0.0.1:8501").split("/")
    st.markdown(t("agents.intro", address="/".join(parts[:3]) + outside("/mcp")))
    agents = [agent for agent in visit.app.agents.all() if agent.revoked_at is None]
    if agents:
        _table(visit, agents)
    else:
        st.caption(t("agents.none"))
    made = st.session_state.get(_TOKEN)
    if made is not None:
        st.success(t("agents.token_once", name=plain(made[0])), icon=":material/key:")
        st.code(made[1], language=None)
        st.button(t("common.close"), key="agent_token_seen", on_click=st.session_state.pop, args=(_TOKEN,))
    _add(visit)


def _table(visit: Visit, agents: list[Agent]) -> None:
    t = visit.t
    names = {project.id: project.name for project in visit.app.projects.all()}
    rows = []
    for agent in agents:
        day, every = visit.app.agents.statuses(agent)
        known = [names.get(id_, "–") for id_ in agent.projects or ()]
        amounts = [t.money(amount, estimated=False) for amount in (day.left, every.left, every.spent)]
        rows.append([agent.name, t(f"role.{agent.role}"), *amounts, ", ".join(known) or t("agents.every_project")])
    columns = [t(f"agents.column.{name}") for name in ("name", "role", "day", "all", "spent", "projects")]
    st.dataframe(pd.DataFrame(rows, columns=columns), hide_index=True, key="agents_table")
    with st.container(horizontal=True, gap="small"):
        for agent in agents:
            label = t("agents.revoke", name=plain(agent.name))
            st.button(
                label, key=f"agent_revoke_{agent.name}", icon=":material/block:", on_click=_ask, args=(agent.name,)
            )


def _add(visit: Visit) -> None:
    t, currency = visit.t, visit.app.settings().budget.currency
    with st.container(border=True, key="form_agent"):
        st.subheader(t("agents.add"), anchor=False)
        first, second = st.columns(2)
        first.text_input(t("agents.column.name"), key=_NAME, max_chars=60, placeholder="planner")
        second.selectbox(
            t("agents.column.role"),
            [role.word for role in reversed(ROLES)],
            format_func=lambda word: t(f"role.{word}"),
            key=_ROLE,
            help=t("cli.option.agent_role"),
        )
        for column, key, label, help_ in (
            (first, _DAY, "agents.per_day", "cli.option.per_day"),
            (second, _ALL, "agents.in_all", "cli.option.in_all"),
        ):
            column.number_input(t(label, currency=currency), min_value=0.0, step=5.0, key=key, help=t(help_))
        projects = {project.id: project.name for project in visit.app.projects.all()}
        st.multiselect(
            t("agents.column.projects"),
            list(projects),
            format_func=lambda id_: projects[id_],
            key=_PROJECTS,
            placeholder=t("agents.every_project"),
        )
        st.button(t("agents.add_act"), key="agent_add", icon=":material/add:", type="primary", on_click=_let_in)


@handle_errors
def _let_in() -> None:
    app, state = current_visit().app, st.session_state
    day, every = (Decimal(str(state[key] or 0)) for key in (_DAY, _ALL))
    token = app.agents.add(state[_NAME], Role[state[_ROLE].upper()], day, every, state[_PROJECTS] or None)
    state[_TOKEN] = (" ".join(state[_NAME].split()), token)
    state[_NAME] = ""


@handle_errors
def _ask(name: str) -> None:
    t = current_visit().t
    question = t("agents.revoke_question", name=plain(name))
    dialogs.ask(t("agents.revoke", name=plain(name)), dialogs.confirm, question, t("agents.revoke_act"), _revoke, name)


@handle_errors
def _revoke(name: str) -> None:
    visit = current_visit()
    visit.app.agents.revoke(name)
    toast_later(visit.t("agents.revoked", name=name), ":material/block:")
