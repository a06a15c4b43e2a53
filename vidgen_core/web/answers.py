"""The page behind a link of a notice: one question with its yes and no, for a phone and without a sign-in.

Opening it changes nothing, so a preview of the link in a chat presses no button; only the form does.
"""

from __future__ import annotations

import html

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vidgen_core.domain.errors import VidgenError
from vidgen_core.i18n import Text
from vidgen_core.services.generation.answers import PATH, Question
from vidgen_core.web.app_instance import find_vidgen
from vidgen_core.web.error_responses import status_of, text_of
from vidgen_core.web.middleware.base_path import address
from vidgen_core.web.sign_in import field_of, html_page


async def show(request: Request) -> Response:
    """The question."""
    t, token = text_of(request), request.path_params["token"]
    try:
        question = await run_in_threadpool((await find_vidgen()).answers.read, token)
    except VidgenError as error:
        return _told(t, error)
    return html_page(t, t("agents.answer_title"), _form(t, question, token))


async def answer(request: Request) -> Response:
    """The yes or no."""
    t, token, form = text_of(request), request.path_params["token"], await request.form()
    says_yes = field_of(form, "answer") == "yes"
    if not says_yes and field_of(form, "answer") != "no":
        return await show(request)
    answers = (await find_vidgen()).answers
    try:
        if says_yes:
            await run_in_threadpool(answers.yes, token, field_of(form, "amount"), field_of(form, "currency"))
        else:
            await run_in_threadpool(answers.no, token)
    except VidgenError as error:
        return _told(t, error)
    said = t("agents.said_yes" if says_yes else "agents.said_no")
    return html_page(t, t("agents.answer_title"), f'<p role="status">{html.escape(said)}</p>')


ROUTES: list[BaseRoute] = [
    Route(f"{PATH}{{token}}", show, methods=["GET"]),
    Route(f"{PATH}{{token}}", answer, methods=["POST"]),
]


def _told(t: Text, error: VidgenError) -> Response:
    said = t.ended(error.kind, error.code, error.params)
    return html_page(
        t, t("agents.answer_title"), f'<p class="no" role="alert">{html.escape(said)}</p>', status_of(error)
    )


def _form(t: Text, question: Question, token: str) -> str:
    price = t.money(question.price, estimated=question.kind == "order") if question.price else t("shell.price_unknown")
    said = t(f"agents.question.{question.kind}", project=question.project, price=price, **question.params)
    lines = [said]
    if question.kind == "order":
        what, code, worst = (question.params[name] for name in ("what", "code", "worst"))
        lines.append(f"{t(f'agents.kind.{what}')} {t(f'agents.why.{code}')}")
        lines += [t("agents.worst", worst=t.money(worst, estimated=True))] if worst else []
    shown = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    amount = f"{question.price.amount:f}" if question.price else ""
    currency = question.price.currency if question.price else ""
    return f"""{shown}<form method="post" action="{address(PATH)}{html.escape(token, quote=True)}">
<input type="hidden" name="amount" value="{amount}">
<input type="hidden" name="currency" value="{html.escape(currency, quote=True)}">
<button name="answer" value="yes">{html.escape(t("agents.yes", price=price))}</button>
<button name="answer" value="no" class="quiet">{html.escape(t("agents.no"))}</button></form>"""
