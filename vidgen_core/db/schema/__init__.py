"""Tables, columns and indexes of the database; each kind of query has its index.

Times are UTC as epoch seconds, money is whole millionths of its currency, JSON columns hold only values that are
never searched. Rows are hidden (``deleted_at``), not removed, so that a deletion can be undone.
"""

from vidgen_core.db.schema import library, queue, sums, system  # noqa: F401 - all tables are in ``metadata``
from vidgen_core.db.schema.columns import metadata

__all__ = ["metadata"]
