"""Why a value was refused, as a word that the catalogues have a sentence for."""

from __future__ import annotations

from typing import Any, Final

from pydantic_core import ErrorDetails

_WORDS: Final[dict[str, str]] = {
    "greater_than_equal": "at_least",
    "greater_than": "more_than",
    "less_than_equal": "at_most",
    "int_parsing": "whole_number",
    "int_type": "whole_number",
    "int_from_float": "whole_number",
    "float_parsing": "number",
    "float_type": "number",
    "decimal_parsing": "number",
    "decimal_type": "number",
    "finite_number": "number",
    "bool_parsing": "yes_or_no",
    "bool_type": "yes_or_no",
    "enum": "one_of",
    "literal_error": "one_of",
    "string_type": "text",
    "string_too_short": "empty",
    "string_pattern_mismatch": "currency",
    "date_from_datetime_parsing": "date",
    "date_type": "date",
    "missing": "missing",
    "tuple_type": "list",
    "list_type": "list",
    "too_short": "list_short",
    "too_long": "list_long",
    "string_too_long": "text_long",
    "extra_forbidden": "unknown_field",
    "model_type": "section",
    "model_attributes_type": "section",
}
#: Every reason a ``setting_invalid`` may name; its words are under ``reason.<reason>`` in the catalogues.
REASONS: Final = frozenset(_WORDS.values()) | {
    "absolute_paths", "json", "not_a_key", "not_a_mode", "not_allowed", "password_hash", "pattern_braces", "pattern_fields", "pattern_needs_shot_and_take",
    "media_url", "pattern_path", "postgres_url", "proxy_address", "proxy_everybody", "ratio", "same_key_twice", "same_name_twice", "same_rate_twice",
    "timezone", "timezone_missing", "token_short", "unit_of_another", "web_address",
}  # fmt: skip


def reason_of(details: ErrorDetails) -> dict[str, Any]:
    """Why a value was refused, as a reason and what its sentence needs."""
    context = details.get("ctx", {})
    if "reason" in context:
        return dict(context)
    reason = _WORDS.get(details["type"], "not_allowed")
    limit = next(
        (context[name] for name in ("ge", "gt", "le", "lt", "min_length", "max_length") if name in context), None
    )
    allowed = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
    return (
        {"reason": reason}
        | ({} if limit is None else {"limit": str(limit)})
        | ({"allowed": allowed} if allowed else {})
    )
