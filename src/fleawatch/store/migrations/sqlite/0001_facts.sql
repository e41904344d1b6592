-- Facts in the order of recording, and what is kept beside them so that no question has to read them all.

CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Numbers are given out from here and never twice, even when the newest facts are forgotten.
INSERT INTO meta (name, value) VALUES ('last_seq', 0);

CREATE TABLE facts (
    seq INTEGER PRIMARY KEY,
    fact_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    at REAL NOT NULL,
    seen_at REAL NOT NULL,
    source TEXT NOT NULL,
    body TEXT NOT NULL, -- as first recorded: what a replay folds at this place
    current TEXT        -- as booked now, when a later fact amended it
) STRICT;

-- One agent's facts of every kind are merged from its kinds: an index less to keep for every fact written.
CREATE INDEX facts_by_agent ON facts (agent_id, kind);
CREATE INDEX facts_by_kind ON facts (kind);
CREATE INDEX facts_by_age ON facts (kind, seen_at);

CREATE TABLE ledger (
    agent_id TEXT NOT NULL,
    service TEXT NOT NULL,
    currency TEXT NOT NULL,
    position INTEGER NOT NULL,
    at REAL NOT NULL,
    amount TEXT NOT NULL,
    balance_after TEXT NOT NULL,
    entry TEXT NOT NULL,
    reference TEXT,
    level INTEGER NOT NULL,
    fee TEXT NOT NULL,
    reason TEXT NOT NULL,
    seq INTEGER PRIMARY KEY REFERENCES facts (seq) ON DELETE CASCADE
) STRICT;

CREATE INDEX ledger_by_agent ON ledger (agent_id, service);

-- The newest declaration outlives its fact: forgetting old facts must not forget an agent.
CREATE TABLE agents (
    agent_id TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL,
    seq INTEGER NOT NULL,
    retired_at REAL
) STRICT, WITHOUT ROWID;
