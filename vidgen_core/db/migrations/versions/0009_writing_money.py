"""Questions to language models in the ledger's sums and in the figures."""

from __future__ import annotations

from typing import Final

from alembic import op

from vidgen_core.db.triggers import day_of, renew_triggers

revision = "writing_money"
down_revision = "consent"

_CHARGE: Final = "CASE state WHEN 'refused' THEN 'none' WHEN 'unknown' THEN 'unknown' ELSE 'estimated' END"
_SPEND: Final = f"""
INSERT INTO spend (project_id, provider, key_id, currency, charge, cost)
SELECT project_id, 'writing', key_label, cost_currency, {_CHARGE}, sum(cost)
FROM writing_calls WHERE cost IS NOT NULL AND cost_currency IS NOT NULL GROUP BY 1, 2, 3, 4, 5
"""  # noqa: S608
_QUARTERS: Final = f"""
INSERT INTO spend_quarters (quarter, project_id, provider, key_id, currency, charge, cost, n)
SELECT CAST(created_at / 900 AS INTEGER), project_id, 'writing', key_label, coalesce(cost_currency, ''), {_CHARGE},
       sum(coalesce(cost, 0)), count(*)
FROM writing_calls GROUP BY 1, 2, 3, 4, 5, 6
"""  # noqa: S608
_FIGURES: Final = f"""
INSERT INTO figures_attempts (day, project_id, provider, model, key_id, state, kind, charge, currency, n, cost)
SELECT {day_of("created_at")}, project_id, 'writing', model, key_label,
       CASE state WHEN 'answered' THEN 'succeeded' ELSE state END, coalesce(json_extract(failure, '$.kind'), ''), {_CHARGE},
       CASE WHEN cost IS NULL THEN '' ELSE coalesce(cost_currency, '') END, count(*), sum(coalesce(cost, 0))
FROM writing_calls WHERE state <> 'sending' GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
"""  # noqa: S608


def upgrade() -> None:
    for statement in (_SPEND, _QUARTERS, _FIGURES):
        op.get_bind().exec_driver_sql(statement)
    renew_triggers(op.get_bind())
