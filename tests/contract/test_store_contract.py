"""The twins of the store under one contract."""

import pytest

from fleawatch.store import MemoryStore, SqliteStore
from fleawatch.testing.outputs_contract import OutputsContract
from fleawatch.testing.store_contract import StoreContract


class TestMemoryStore(StoreContract, OutputsContract):
    @pytest.fixture
    def store(self):
        store = MemoryStore()
        yield store
        store.close()


class TestSqliteStore(StoreContract, OutputsContract):
    @pytest.fixture
    def store(self, tmp_path):
        store = SqliteStore(tmp_path / "fleawatch.db")
        yield store
        store.close()
