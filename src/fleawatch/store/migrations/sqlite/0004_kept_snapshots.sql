-- States with which a replay begins when facts before them were forgotten. Facts after `forgotten_seq` are all there.

CREATE TABLE kept_snapshots (
    seq INTEGER PRIMARY KEY, -- the last fact that is in it
    at REAL NOT NULL         -- when it was kept
) STRICT;

CREATE TABLE kept_bodies (
    seq INTEGER NOT NULL REFERENCES kept_snapshots (seq) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    body BLOB NOT NULL, -- compressed with zlib
    PRIMARY KEY (seq, scope)
) STRICT;

-- A store from before this table may have forgotten facts already: the last number that is missing.
INSERT INTO meta (name, value)
SELECT 'forgotten_seq', coalesce(max(missing), 0) FROM (
    SELECT max(seq) - 1 AS missing FROM facts AS later
    WHERE seq > 1 AND NOT EXISTS (SELECT 1 FROM facts WHERE seq = later.seq - 1)
    UNION ALL
    SELECT value FROM meta WHERE name = 'last_seq' AND value > (SELECT coalesce(max(seq), 0) FROM facts)
);
