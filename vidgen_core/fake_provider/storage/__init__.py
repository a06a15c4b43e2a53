"""Files that the fake provider takes in and serves."""
