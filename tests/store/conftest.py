"""Nothing to share but plain assertions in the contract's module."""

import pytest

pytest.register_assert_rewrite("store_contract")
