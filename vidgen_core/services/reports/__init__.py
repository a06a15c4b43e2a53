"""What a period cost and what it brought."""
