"""Authentication and role of the visitor of this session.

With passwords the server has asked already, and the cookie tells who it is. With OpenID Connect Streamlit signs people
in; they get the cookie here, because our routes for pictures, videos and events know nothing of Streamlit's.
"""

from __future__ import annotations

import html
from functools import partial
from typing import Final

import streamlit as st

from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.components.media import outside
from vidgen_core.dashboard.session import words
from vidgen_core.i18n import Text
from vidgen_core.services.access.auth import LOGOUT, Auth, clean_name
from vidgen_core.services.access.permissions import AT_HOME, Role, Visitor, as_visitor
from vidgen_core.services.access.sessions import COOKIE, login_of
from vidgen_core.services.facade import Vidgen

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
    sharing = Auth(app.settings_file)
    oidc = sharing.settings.sign_in == "oidc"
    visitor = _by_account(app, sharing, words(app)) if oidc else _known(app)
    if visitor is None:
        _ask(words(app))
        st.stop()
    st.session_state[_VISITOR] = visitor
    # Callbacks of this page run before it is drawn anew, and some without that.
    return as_visitor(app, visitor, partial(_is_still, app, visitor, *_asking()))


def visitor() -> Visitor:
    """Who this session belongs to."""
    found: Visitor = st.session_state.get(_VISITOR, AT_HOME)
    return found


def stay(app: Vidgen) -> None:
    """For fragments: a visitor whose access was revoked is sent to the sign-in page, in open tabs as well."""
    if _known(app) != visitor():
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


def _asking() -> tuple[str, dict[str, str], str | None]:
    """The cookie, headers and address with which this page was asked for."""
    headers = {name.lower(): value for name, value in st.context.headers.items()}
    return str(st.context.cookies.get(COOKIE) or ""), headers, st.get_option("server.address")


def _known(app: Vidgen) -> Visitor | None:
    return app.sessions.visitor(*_asking())


def _is_still(app: Vidgen, visitor: Visitor, cookie: str, headers: dict[str, str], address: str | None) -> bool:
    return app.sessions.visitor(cookie, headers, address) == visitor


def _by_account(app: Vidgen, sharing: Auth, t: Text) -> Visitor | None:
    account = _account()
    if not account.get("is_logged_in"):
        if st.context.cookies.get(COOKIE):
            _post(outside("/sign-in/out"), {})
            st.stop()
        _login(t)
    sessions, login = app.sessions, login_of(account)
    if sessions.has_ended(login):
        # What Streamlit keeps was copied before its owner signed out.
        _login(t)
    email = str(account.get("email") or "")
    role = sharing.role_of(email, account.get("email_verified"))
    if role is None:
        st.error(t("share.oidc_unknown", email=plain(email) or "–"), icon=":material/lock:")
        # Not ``st.logout``: it runs the page once more, which would have begun to sign in anew before it has led away.
        _link(LOGOUT, t("share.leave"))
        st.stop()
    wanted = Visitor(role, clean_name(account.get("name") or email))
    known = _known(app)
    if known is None or known[:2] != wanted[:2]:
        st.caption(t("share.entering"))
        ticket = sessions.begin(wanted, "ticket", login)
        _post(outside("/sign-in/ticket"), {"ticket": ticket, "next": "/"})
        st.stop()
    return known


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
