-- What is to be done because of facts: rows that are claimed by one process at a time and finished once.

CREATE TABLE outputs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    agent_id TEXT NOT NULL,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    seq INTEGER NOT NULL,     -- last fact of the commit that brought it
    created_at REAL NOT NULL, -- when that fact was seen
    claimed_until REAL,       -- not due before; NULL = never claimed
    attempts INTEGER NOT NULL DEFAULT 0,
    finished_at REAL,
    failed_at REAL,           -- dead: nobody tries again
    error TEXT
) STRICT;

CREATE INDEX outputs_open ON outputs (id) WHERE finished_at IS NULL AND failed_at IS NULL;
CREATE INDEX outputs_finished ON outputs (finished_at) WHERE finished_at IS NOT NULL;
