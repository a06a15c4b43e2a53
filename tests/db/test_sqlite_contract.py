"""SQLite keeps the contract; the ``store`` fixture opens one."""

from __future__ import annotations

from store_contract import StoreContract


class TestSqlite(StoreContract):
    pass
