"""The machine-readable answers; scripts depend on their shape, so it is fixed here and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vidgen_core.domain.money import Money
from vidgen_core.i18n import Text
from vidgen_core.services.billing.budget import BalanceDifference, BudgetView, SpendLine
from vidgen_core.services.exports.task_shape import iso
from vidgen_core.services.generation.preflight import Estimate, Preflight
from vidgen_core.services.library.shots import ShotView


def plain_money(money: Money | None) -> dict[str, Any] | None:
    """An amount whose certainty is said elsewhere."""
    return None if money is None else {"amount": float(money.amount), "currency": money.currency}


def ordered_shape(estimate: Estimate) -> dict[str, Any]:
    """What was ordered: how many, what that costs, and what it costs when every automatic retry is needed."""
    return {"count": estimate.tasks, "cost": plain_money(estimate.money), "worst": plain_money(estimate.worst)}


def spend_shape(line: SpendLine) -> dict[str, Any]:
    """One sum of the ledger; ``worth`` is a conversion into the currency of the budget."""
    return {
        "day": line.day.isoformat() if line.day else None,
        "project": line.project,
        "provider": str(line.provider),
        "key": line.key,
        "currency": line.currency,
        "attempts": line.attempts,
        "estimated": float(line.estimated),
        "charged": float(line.charged),
        "refunded": float(line.refunded),
        "unknown": float(line.unknown),
        "owed": plain_money(line.owed),
        "worth": plain_money(line.worth),
    }


def difference_shape(one: BalanceDifference) -> dict[str, Any]:
    """A batch between two balances; ``difference`` above zero: more is gone than the ledger says."""
    amounts = {name: plain_money(getattr(one, name)) for name in ("before", "after", "gone", "ledger", "difference")}
    return {
        "provider": one.provider.value,
        "keys": list(one.keys),
        "since": iso(one.since),
        "until": iso(one.until),
        **amounts,
    }


def budget_shape(found: BudgetView) -> dict[str, Any]:
    """How each limit stands."""
    return {
        "limits": [
            {
                "scope": standing.scope.value,
                "limit": plain_money(standing.limit),
                "spent": plain_money(standing.spent),
                "left": float(standing.left),
                "percent": standing.percent,
            }
            for standing in found.standings
        ],
        "held": str(found.hold["code"]) if found.hold else None,
        "low": [
            {"provider": one.provider.value, "key": one.key_label, "left": plain_money(one.money)} for one in found.low
        ],
    }


def preflight_shape(sheet: Preflight, text: Text) -> dict[str, Any]:
    """The sheet before a batch."""
    return {
        "tasks": sheet.tasks,
        "shots": sheet.shots,
        "low": plain_money(sheet.low),
        "high": plain_money(sheet.high),
        "seconds": sheet.seconds,
        "costs": {str(payee): [plain_money(one) for one in amounts] for payee, amounts in sheet.costs.items()},
        "balances": [
            {"provider": one.provider.value, "left": plain_money(one.left), "after": plain_money(one.after)}
            for one in sheet.balances
        ],
        "problems": [
            {
                "code": one.code,
                "message": text.error("parameter", one.code, one.params),
                "fatal": one.fatal,
                "shots": list(one.shots),
                "count": one.count,
            }
            for one in sheet.problems
        ],
        "limits": budget_shape(BudgetView(standings=sheet.standings))["limits"],
    }


def shot_shape(view: ShotView, project: str, images: Path) -> dict[str, Any]:
    """One shot as ``vidgen shots --json`` prints it."""
    shot = view.shot
    return {
        "id": str(shot.id),
        "project": project,
        "shot": shot.number,
        "prompt": shot.prompt,
        "script": shot.script,
        "picture_prompt": shot.picture_prompt,
        "image": str(images / shot.image) if shot.image else None,
        "image_url": shot.image_url,
        "params": shot.params.model_dump(mode="json", exclude_none=True),
        "extra": shot.extra,
        "tasks": {status.value: count for status, count in view.counts.items()},
        "pictures": [
            {
                "number": picture.number,
                "file": str(images / picture.image) if picture.image else None,
                "model": picture.model or None,
                "chosen": picture.chosen,
            }
            for picture in view.candidates
        ],
        "takes": [
            {
                "take": take.number,
                "file": str(Path(take.folder, take.file)),
                "seconds": take.seconds,
                "width": take.width,
                "height": take.height,
                "chosen": take.id == shot.chosen_take_id,
            }
            for take in view.takes
        ],
    }
