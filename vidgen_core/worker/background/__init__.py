"""Work beside the tasks' steps."""
