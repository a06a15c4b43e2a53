"""Parts of a screen that run in the browser, for what Streamlit's own widgets cannot do.

Streamlit sends a component's code and style along with every drawing of it. What is sent here is a few lines that fetch both
once from our own route, and all components of a name share one module there. Data travels as JSON in bytes: given as plain
data, Streamlit looks through all of it for tables first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, Final

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from vidgen_core import web_components
from vidgen_core.dashboard.components.media import outside
from vidgen_core.dashboard.session import Visit, session_value

_LOADER: Final = """
const at = (path, tries) => new URL(tries ? `${path}#${tries}` : path, document.baseURI)
const styled = async (path) => {
  const answer = await fetch(at(path))
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
  return new CSSStyleSheet().replace(await answer.text())
}
let fetched, tries = 0
// Some browsers remember that a module could not be fetched: another try has another address.
const fetchOnce = () => fetched ??= Promise.all([import(at(CODE, tries)), STYLE && styled(STYLE)]).catch((error) => {
  fetched = undefined
  tries += 1
  throw error
})

export default function (component) {
  let close, gone = false
  const draw = async (pause) => {
    let part, style
    try {
      [part, style] = await fetchOnce()
    } catch {
      // The server is away, or on its way back.
      if (!gone) setTimeout(draw, pause, Math.min(2 * pause, 5000))
      return
    }
    if (gone) return
    const root = component.parentElement.getRootNode()
    if (style && !root.adoptedStyleSheets.includes(style)) root.adoptedStyleSheets.push(style)
    close = part.default({ ...component, data: JSON.parse(new TextDecoder().decode(component.data)) })
  }
  draw(250)
  return () => {
    gone = true
    if (close) close()
  }
}
"""


def mount(name: str, key: str, data: Mapping[str, Any], **callbacks: Any) -> None:
    """Draw a component, or tell the one that is drawn what has changed.

    :param name: of its files in ``vidgen_core/web_components``
    :param data: anything that JSON knows
    :param callbacks: ``on_<trigger>_change``, called without anything
    """
    component = st.components.v2.component(f"vidgen_{name}", js=_loader(name, outside("")))
    called: dict[str, Any] = {on: partial(_call, key, callback) for on, callback in callbacks.items()}
    component(
        key=key,
        data=json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(),
        height="content",
        **called,
    )
    context = get_script_run_ctx()
    if callbacks and context is not None:
        ids = context.shared.widget_ids_this_run.snapshot()
        st.session_state[_events(key)] = next((one for one in ids if one.endswith(f"-{key}__events")), None)


def _call(key: str, callback: Callable[[], None]) -> None:
    """Call back with the event in the component's state.

    On the way to another page Streamlit clears that state before it calls, and keeps the event itself.
    """
    if key in st.session_state:
        callback()
        return
    told = st.session_state.get(st.session_state[_events(key)]) or []
    st.session_state[key] = {one["event"]: one["value"] for one in told}
    try:
        callback()
    finally:
        del st.session_state[key]


def _events(key: str) -> str:
    """Where the id stands under which Streamlit keeps the events of a component."""
    return f"_{key}_events"


@cache
def _loader(name: str, below: str) -> str:
    code, style = (_address(f"{name}{ending}", below) for ending in (".js", ".css"))
    return _LOADER.replace("CODE", json.dumps(code)).replace("STYLE", json.dumps(style))


def _address(name: str, below: str) -> str | None:
    return (
        f"{below}/app/static/media/part/{name}?v={web_components.version(name)}"
        if name in web_components.FILES
        else None
    )


# --- events
# A component numbers its events and resends them until it has seen that they were handled: of two triggers that meet in
# one run only the later one arrives. An order also bears the name of the page that it was made on (`of`), and is kept with it.


def seen(component: str) -> int:
    """Number of the last event of a component that was handled; the component stops resending up to it."""
    return int(session_value(_place(component), 0))


def unheard(component: str, acts: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The events that were not handled yet, oldest first."""
    for act in acts:
        number = act.get("n")
        if isinstance(number, int) and number > seen(component):
            # Marked before it is handled: an event that was refused, or opened a dialog, is not repeated.
            st.session_state[_place(component)] = number
            yield act


def carry_out_once(visit: Visit, act: Mapping[str, Any], one: Callable[[Visit, Mapping[str, Any]], None]) -> None:
    """Carry out an order of a component, unless that was done for a session which is lost, as after a restart."""
    with visit.app.requests.once("screen", f"{act.get('of')}:{act.get('n')}") as wanted:
        if wanted:
            one(visit, act)


def _place(component: str) -> str:
    return f"_{component}_seen"
