"""One repository a noun, inside a transaction."""
