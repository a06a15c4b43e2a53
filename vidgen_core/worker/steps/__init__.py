"""One module a step of a task: its decisions and its writes."""
