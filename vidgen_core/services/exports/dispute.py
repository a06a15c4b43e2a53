"""What a reseller is given to find jobs and charges again: the attempts as CSV and JSON, in one ZIP.

Nothing in it is secret: keys are named by their last characters, raw answers are without keys, pictures and signatures.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZipFile

from vidgen_core.db.repositories.disputes import DisputeLine
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.i18n import Text
from vidgen_core.services.imports.formulas import tame
from vidgen_core.services.schemas.base import iso

#: ``dispute.column.<name>`` in the catalogues heads each column.
COLUMNS: Final = (
    "project", "shot", "take", "task", "attempt", "provider", "model", "key", "address", "remote_id", "request_id",
    "state", "sent_at", "accepted_at", "ended_at", "cost", "currency", "charge", "error_kind", "error", "answer",
)  # fmt: skip


def dispute_pack(lines: Sequence[DisputeLine], t: Text, clean: Callable[[str], str], *, cut: bool) -> bytes:
    """The ZIP.

    :param clean: takes secrets out of a raw answer
    :param cut: there were more lines than these
    """
    rows = [_row(line, t, clean) for line in lines]
    stream = io.BytesIO()
    with ZipFile(stream, "w", ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _readme(lines, t, cut=cut))
        archive.writestr("attempts.csv", _csv(rows, t))
        archive.writestr("attempts.json", json.dumps(rows, ensure_ascii=False, indent=1))
    return stream.getvalue()


def _row(line: DisputeLine, t: Text, clean: Callable[[str], str]) -> dict[str, Any]:
    attempt = line.attempt
    failure = attempt.failure
    return {
        "project": line.project,
        "shot": line.shot,
        "take": line.take,
        "task": str(attempt.task_id),
        "attempt": attempt.number,
        "provider": attempt.provider.value,
        "model": attempt.model,
        "key": attempt.key_label,
        "address": attempt.base_url,
        "remote_id": attempt.remote_id,
        "request_id": attempt.request_id,
        "state": attempt.state.value,
        "sent_at": iso(attempt.intent_at),
        "accepted_at": iso(attempt.accepted_at),
        "ended_at": iso(attempt.ended_at),
        # In full and as text: a sum of money is no floating-point number.
        "cost": format(attempt.cost.amount.normalize(), "f") if attempt.cost else None,
        "currency": attempt.cost.currency if attempt.cost else None,
        "charge": attempt.charge.value,
        "error_kind": failure.kind.value if failure else None,
        "error": t.told(failure) if failure else None,
        "answer": clean(attempt.evidence) if attempt.evidence else None,
    }


def _csv(rows: Sequence[dict[str, Any]], t: Text) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([t(f"dispute.column.{name}") for name in COLUMNS])
    for row in rows:
        writer.writerow([tame(row[name]) for name in COLUMNS])
    # Excel takes UTF-8 only with a byte order mark.
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _readme(lines: Sequence[DisputeLine], t: Text, *, cut: bool) -> str:
    """What it is, and what the lines add up to."""
    sums: dict[tuple[str, ChargeStatus], tuple[int, Decimal]] = {}
    for line in lines:
        cost = line.attempt.cost
        n, amount = sums.get((cost.currency if cost else "", line.attempt.charge), (0, Decimal(0)))
        sums[cost.currency if cost else "", line.attempt.charge] = (n + 1, amount + (cost.amount if cost else 0))
    words = [t("dispute.readme"), "", t.n("dispute.lines", len(lines))]
    words += [t("dispute.cut")] if cut else []
    for (currency, charge), (n, amount) in sorted(sums.items()):
        named = f"{amount.normalize():f} {currency}" if currency else t("figures.unknown")
        words.append(t("dispute.sum", n=t.number(n), charge=t(f"dispute.charge.{charge}"), amount=named))
    return "\n".join(words) + "\n"
