-- Counters say why they have no value, and by which of its names an event was counted.
ALTER TABLE counter ADD COLUMN reason TEXT;
