"""From shots to paid tasks: planning, validation, the gate before spending, and recovery of failed tasks."""
