-- The state after one fact, in one body a scope. The fact's number is `snapshot_seq` of `meta`.

CREATE TABLE snapshots (
    scope TEXT NOT NULL PRIMARY KEY,
    body BLOB NOT NULL
) STRICT;
