-- Alerts and their notifications are looked back at by people, newest first: not through every line of the log.

CREATE INDEX outputs_by_kind ON outputs (kind, id);
