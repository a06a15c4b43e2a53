"""Labels, icons and colours shared by all screens."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, cast

import streamlit as st

from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import BillableParty
from vidgen_core.domain.takes import MODEL, Severity, Take, Verdict
from vidgen_core.domain.tasks import Task, TaskKind, TaskStatus
from vidgen_core.i18n import STATUS_COLOURS, STATUS_ICONS, VERDICT_ICONS, Text

if TYPE_CHECKING:
    from vidgen_core.services.generation.preflight import Estimate
    from vidgen_core.services.generation.recovery import Step

Colour = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray", "primary"]


def status_label(t: Text, status: TaskStatus) -> str:
    """``⏳ Generating``."""
    return f"{STATUS_ICONS[status]} {t.status(status)}"


def status_colour(status: TaskStatus) -> Colour:
    return cast("Colour", STATUS_COLOURS[status])


def status_badge(t: Text, status: TaskStatus, detail: str = "") -> None:
    """Icon, word and colour of a state, with something behind it where it helps, e.g. ``75%``."""
    label = t.status(status) + (f" · {detail}" if detail else "")
    st.badge(label, icon=STATUS_ICONS[status], color=status_colour(status))


def verdict_label(t: Text, verdict: Verdict) -> str:
    """``🚫 Fail``."""
    return f"{VERDICT_ICONS[verdict]} {t(f'verdict.{verdict}')}"


def reasons(t: Text, take: Take) -> list[str]:
    """What is doubtful about a take, a sentence each, with the measured value and its limit where it was measured."""
    measured = {one.code: one for one in take.checks if one.severity is not Severity.PASS}
    said = {f"{MODEL}{name}": fault for name, fault in take.answer.faults.items()} if take.answer else {}
    found = []
    for code in take.warnings:
        one, fault, sentence = measured.get(code), said.get(code), t(f"shots.warning.{code}")
        if fault is not None:
            sentence = t("checks.said", sentence=sentence, reason=fault)
        elif one is not None:
            sentence = t("checks.measured", sentence=sentence, value=f"{one.value:g}", limit=f"{one.limit:g}")
        found.append(sentence)
    return found


def badge(words: str, sign: str, colour: Colour) -> str:
    """A badge as Markdown, to stand in the label of a button."""
    return f":{colour}-badge[{f'{sign} {words}'.strip()}]"


def mode_label(t: Text, mode: BillableParty) -> str:
    return t.provider(mode)


def take_label(task: Task) -> str:
    """``v3``, as in file names; ``p3`` for a picture."""
    return f"{'v' if task.output is TaskKind.VIDEO else 'p'}{task.take}"


def elapsed(task: Task, now: datetime) -> float | None:
    """Seconds a task has been worked on, until now or until its end; None before it began."""
    if task.started_at is None:
        return None
    return max(0.0, ((task.finished_at or now) - task.started_at).total_seconds())


def price(t: Text, estimate: Estimate) -> str:
    """``free``, ``≈¥1.20``, or that it is not known."""
    if estimate.free:
        return t("shell.free")
    if estimate.money is None:
        return t("shell.price_unknown")
    return t.money(estimate.money, estimated=True)


def price_of_one(t: Text, estimate: Estimate) -> str:
    """The same for one of the takes of a shot, which cost the same each."""
    if estimate.money is None or not estimate.tasks:
        return price(t, estimate)
    one = estimate.money.model_copy(update={"amount": estimate.money.amount / estimate.tasks})
    return price(t, estimate.model_copy(update={"money": one}))


def amount(t: Text, money: Money | None) -> str:
    """The same for one amount; None: it is not known."""
    if money is None:
        return t("shell.price_unknown")
    return t.money(money, estimated=True) if money.amount else t("shell.free")


def step_label(t: Text, step: Step) -> str:
    """A way on from a failure, with its price."""
    if step.free:
        return t("shell.step_free", step=t(f"shell.step.{step.name}"))
    cost = t.money(step.money, estimated=True) if step.money else t("shell.price_unknown")
    return t("shell.step_paid", step=t(f"shell.step.{step.name}"), price=cost)


def spoken(line: str) -> str:
    """A line of the script on one line, in the quotation marks of prose instead of its own; empty where nothing is said."""
    words = " ".join(line.split()).strip('“”"「」『』')
    return f"“{words}”" if words else ""


def plain(text: str) -> str:
    """Text of a person or provider, safe inside Streamlit's Markdown; its lines stay lines."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]<>()#+-.!|$~:\n" else char for char in text)
