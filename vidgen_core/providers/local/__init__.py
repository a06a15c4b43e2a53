"""The offline provider: renders videos on this machine."""
