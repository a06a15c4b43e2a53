"""What the HTTP API takes and answers, by noun; OpenAPI is made from these. ``base`` is what all are made of."""
