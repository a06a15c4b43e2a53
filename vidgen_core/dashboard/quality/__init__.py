"""Screens of what the checks say: the best takes, drawing until one passes, and how right the checks were."""
