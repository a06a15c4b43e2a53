"""Who is sitting at the screen, and what they may do.

With passwords the server has asked already, and the cookie tells who it is. With OpenID Connect Streamlit signs people
in; they get the cookie here, because our routes for pictures, videos and events know nothing of Streamlit's.
"""

from __future__ import annotations

import html
from typing import Final

import streamlit as st

from vidgen_core.app import Vidgen
from vidgen_core.app.roles import AT_HOME, Role, Visitor, as_visitor
from vidgen_core.app.sharing import COOKIE, LOGOUT, Sharing, clean_name, is_at_home
from vidgen_core.locale import Text
from vidgen_core.ui.labels import plain
from vidgen_core.ui.media import outside
from vidgen_core.ui.session import words

_VISITOR: Final = "_visitor"
#: Posts a form to our own server, which answers with the cookie, or takes it away.
_POST: Final = """export default function ({ data }) {
  const form = document.createElement("form")
  form.method = "post"
  form.action = data.action
  for (const [name, value] of Object.entries(data.fields)) {
    const field = document.createElement("input")
    field.type = "hidden"
    field.name = name
    field.value = value
    form.append(field)
  }
  document.body.append(form)
  form.submit()
}
"""


def enter(app: Vidgen) -> Vidgen:
    """The façade with the visitor's rights; whoever has not signed in sees the way in, and nothing else is drawn."""
    sharing = Sharing(app.settings_file)
    oidc = sharing.settings.sign_in == "oidc"
    visitor = _by_account(sharing, words(app)) if oidc else _by_cookie(sharing)
    if visitor is None:
        _ask(words(app))
        st.stop()
    st.session_state[_VISITOR] = visitor
    return as_visitor(app, visitor)


def visitor() -> Visitor:
    """Who this session belongs to."""
    found: Visitor = st.session_state.get(_VISITOR, AT_HOME)
    return found


def stay(app: Vidgen) -> None:
    """For what refreshes itself: whose way in was taken away goes back to the door, in a tab that is open as well."""
    sharing = Sharing(app.settings_file)
    if sharing.settings.sign_in == "none":
        known = _by_cookie(sharing)
    else:
        known = sharing.open(st.context.cookies.get(COOKIE) or "")
    if known != visitor():
        st.rerun()


def may(role: Role) -> bool:
    """Whether the visitor has at least the rights of ``role``."""
    return visitor().role >= role


def show_account(t: Text) -> None:
    """Who is signed in, and the way out; nothing for the person at this machine."""
    who = visitor()
    if who == AT_HOME:
        return
    _link("/sign-in", t("share.account", name=who.name, role=t(f"role.{who.role.word}")))


def _by_cookie(sharing: Sharing) -> Visitor | None:
    sealed = st.context.cookies.get(COOKIE)
    found = sharing.open(sealed) if sealed else None
    if found is not None or sharing.settings.sign_in == "password":
        return found
    # Without a cookie the server has let them in because they sit at this machine.
    headers = {name.lower(): value for name, value in st.context.headers.items()} if sealed else {}
    return AT_HOME if not sealed or is_at_home(headers, st.get_option("server.address")) else None


def _by_account(sharing: Sharing, t: Text) -> Visitor | None:
    sealed = st.context.cookies.get(COOKIE)
    account = _account()
    if not account.get("is_logged_in"):
        if sealed:
            _post(outside("/sign-in/out"), {})
            st.stop()
        _login(t)
    email = str(account.get("email") or "")
    role = sharing.role_of(email, account.get("email_verified"))
    if role is None:
        st.error(t("share.oidc_stranger", email=plain(email) or "–"), icon=":material/lock:")
        # Not ``st.logout``: it runs the page once more, which would have begun to sign in anew before it has led away.
        _link(LOGOUT, t("share.leave"))
        st.stop()
    wanted = Visitor(role, clean_name(account.get("name") or email))
    if not sealed or sharing.open(sealed) != wanted:
        st.caption(t("share.entering"))
        _post(outside("/sign-in/ticket"), {"ticket": sharing.seal(wanted, "ticket"), "next": "/"})
        st.stop()
    return wanted


def _account() -> dict[str, object]:
    """What the identity provider says of the visitor; empty where none is set up."""
    return dict(st.user.to_dict())


def _login(t: Text) -> None:
    st.title(t("share.title"), anchor=False)
    st.write(t("share.oidc_intro"))
    st.button(t("share.enter"), type="primary", key="sign_in", on_click=st.login)
    st.stop()


def _ask(t: Text) -> None:
    st.title(t("share.title"), anchor=False)
    st.write(t("share.intro"))
    _link("/sign-in", t("share.enter"))


def _link(path: str, text: str) -> None:
    """A link within this tab."""
    st.html(f'<a href="{outside(path)}" target="_self">{html.escape(text)}</a>')


def _post(action: str, fields: dict[str, str]) -> None:
    st.components.v2.component("vidgen_post", js=_POST)(data={"action": action, "fields": fields}, key="post")
