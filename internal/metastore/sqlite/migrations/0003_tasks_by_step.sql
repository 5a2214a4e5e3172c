-- "The newest tasks of this step" and "the steps of this run" without reading every task.
CREATE INDEX tasks_by_step ON tasks (run, step, id);
