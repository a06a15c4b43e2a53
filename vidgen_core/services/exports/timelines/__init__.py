"""Formats that name the videos: timelines, subtitles and the draft for 剪映."""
