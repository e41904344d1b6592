-- Deliveries keep their turn within one channel and group; other kinds of outputs have neither.

ALTER TABLE outputs ADD COLUMN channel TEXT;
ALTER TABLE outputs ADD COLUMN lane TEXT;

UPDATE outputs SET channel = json_extract(body, '$.channel'), lane = json_extract(body, '$.group') WHERE kind = 'delivery';

CREATE INDEX outputs_open_by_kind ON outputs (kind, id) WHERE finished_at IS NULL AND failed_at IS NULL;
CREATE INDEX outputs_open_by_lane ON outputs (channel, lane, id)
    WHERE channel IS NOT NULL AND finished_at IS NULL AND failed_at IS NULL;
CREATE INDEX outputs_dead ON outputs (failed_at, id) WHERE failed_at IS NOT NULL;
