"""The domain as frozen values: tasks, attempts, shots, takes and money; no input or output happens here."""
