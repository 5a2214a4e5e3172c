-- When somebody asked for the end of a run, for its engine to see; 0 if nobody did.
ALTER TABLE runs ADD COLUMN stop_asked INTEGER NOT NULL DEFAULT 0;
