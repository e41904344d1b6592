"""The audit logs of the twins of the store under one contract."""

import pytest

from fleawatch.store import MemoryStore, SqliteStore
from fleawatch.testing.audit_contract import AuditContract, cycle, delivery, fired, halt_ordered, order
from fleawatch.testing.store_contract import bet, notice


class TestMemoryAudit(AuditContract):
    @pytest.fixture
    def store(self):
        store = MemoryStore()
        yield store
        store.close()


class TestSqliteAudit(AuditContract):
    @pytest.fixture
    def store(self, tmp_path):
        store = SqliteStore(tmp_path / "fleawatch.db")
        yield store
        store.close()


def test_twins_write_the_same_entries(tmp_path):
    """But for the id of the log and the key, which are each log's own, the twins agree on every column."""
    logs = []
    for store in (MemoryStore(), SqliteStore(tmp_path / "fleawatch.db")):
        store.commit([bet(1)], [notice("n")])
        store.commit([order(1), bet(2), halt_ordered("h", at=2.0)], [fired("k", at=2.0), delivery("d", at=2.0)])
        store.commit([cycle(3)], [fired("k", at=2.0)])
        logs.append([entry[:-1] for entry in store.audit()[1:]])
        store.close()
    assert logs[0] == logs[1]
