"""Prices, spend, balances and limits."""
