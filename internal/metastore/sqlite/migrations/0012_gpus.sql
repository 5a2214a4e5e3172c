-- The GPUs that an attempt was given, with commas between them; empty if it was given none.
ALTER TABLE attempts ADD COLUMN gpus TEXT NOT NULL DEFAULT '';
