"""How far a project is from script to film, and auto-run."""
