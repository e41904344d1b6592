-- The audit log. No constraint and no trigger: they stop nobody who can write the file. What was done to it shows when it
-- is verified, against a key and anchors that are kept elsewhere.

CREATE TABLE audit_log (
    seq INTEGER PRIMARY KEY,
    at REAL,
    kind TEXT,
    agent_id TEXT,
    source TEXT,
    ref TEXT,     -- the fact's id, or the output's key
    fact INTEGER, -- number of the fact that it is, or that it follows from
    body TEXT,    -- what is shown of it, as JSON
    sha256 TEXT,  -- of the whole fact or output as it was recorded
    chain TEXT
);
