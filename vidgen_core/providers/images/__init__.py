"""OpenAI-compatible image endpoints."""
