"""Projects, shots, their pictures and their takes."""
