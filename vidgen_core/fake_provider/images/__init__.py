"""The image endpoints of the fake provider."""
