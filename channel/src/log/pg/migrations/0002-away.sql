-- Logs that are put away, so that those that are not are found without looking through them.

ALTER TABLE log ADD COLUMN away boolean NOT NULL DEFAULT false;
CREATE INDEX known ON log (number) WHERE NOT away;
CREATE INDEX away ON log (machine, number) WHERE away;
