"""KIE's protocol, spoken by the fake provider."""
