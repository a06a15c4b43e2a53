"""Webhook messages about finished batches and paused queues."""
