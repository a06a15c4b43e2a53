"""Films, timelines, lists and archives of what was chosen."""
