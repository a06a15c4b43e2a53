"""What every provider needs of HTTP: one client, downloads, checked addresses, and the reading of answers."""
