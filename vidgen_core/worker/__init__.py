"""The background worker: submits, polls and downloads tasks."""
