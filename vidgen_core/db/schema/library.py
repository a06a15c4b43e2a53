"""Projects, shots with their prompts and pictures, takes, reviews of them, and scripts."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Boolean, Column, Double, Index, PrimaryKeyConstraint, Table, Text, text

from vidgen_core.db.schema.columns import WHOLE, UtcTime, json_column, metadata, optional, partial_index, required

projects = Table(
    "projects",
    metadata,
    Column("id", WHOLE, primary_key=True),
    #: A deleted project has another one, so that its own may be used again.
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
    *optional(UtcTime, "archived_at", "deleted_at"),
)

project_settings = Table(
    "project_settings",
    metadata,
    Column("project_id", WHOLE, nullable=False),
    Column("name", Text, nullable=False),
    json_column("value"),
    PrimaryKeyConstraint("project_id", "name"),
)

shots = Table(
    "shots",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("project_id", WHOLE, nullable=False),
    Column("number", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("prompt", Text, nullable=False),
    *optional(Text, "image", "image_url", "last_frame", "last_frame_url"),
    Column("references", JSON, nullable=False, server_default=text("'[]'")),
    json_column("params"),
    json_column("extra"),
    Column("script", Text, nullable=False),
    Column("picture_prompt", Text, nullable=False, server_default=text("''")),
    # Name of its chain, and the shot before it there.
    Column("chain", Text, nullable=False, server_default=text("''")),
    Column("follows", WHOLE),
    # Digest of the imported row, so that importing the same list again adds nothing.
    Column("identity", Text),
    Column("chosen_take_id", WHOLE),
    Column("live_count", WHOLE, nullable=False, server_default="0"),
    Column("completed_count", WHOLE, nullable=False, server_default="0"),
    Column("failed_count", WHOLE, nullable=False, server_default="0"),
    Column("drawing_count", WHOLE, nullable=False, server_default="0"),
    Column("search_text", Text, nullable=False),
    # The last edit of the shot itself …
    Column("rev", BigInteger, nullable=False),
    # … and the last change of it, of its tasks or of its takes.
    Column("changed_rev", BigInteger, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("deleted_at", UtcTime),
)

#: Condition of each filter of the shots screen. A shot with running tasks is not *without takes*, so that generating
#: for all shots without takes never pays twice; nor is a shot *without picture* while one is being generated, or where it
#: begins with the last frame of another.
SHOT_STATES: Final[dict[str, str]] = {
    "all": "deleted_at IS NULL",
    "without_takes": "deleted_at IS NULL AND completed_count = 0 AND live_count = 0",
    "running": "deleted_at IS NULL AND live_count > 0",
    "to_choose": "deleted_at IS NULL AND completed_count > 0 AND chosen_take_id IS NULL",
    "chosen": "deleted_at IS NULL AND chosen_take_id IS NOT NULL",
    "failed": "deleted_at IS NULL AND failed_count > 0",
    "without_picture": "deleted_at IS NULL AND image IS NULL AND image_url IS NULL AND follows IS NULL AND drawing_count = 0",
}

#: Conditions that shots are counted by: the filters and those of the progress bar. Each is a bit of
#: ``shot_counts.traits``, in this order; a migration recounts when that changes.
SHOT_TRAITS: Final[dict[str, str]] = SHOT_STATES | {
    "unpictured": "deleted_at IS NULL AND image IS NULL AND image_url IS NULL AND follows IS NULL",
    "drawing": "deleted_at IS NULL AND image IS NULL AND image_url IS NULL AND follows IS NULL AND drawing_count > 0",
    "without_prompt": "deleted_at IS NULL AND prompt = ''",
}
for _state, _where in SHOT_STATES.items():
    partial_index(f"shots_{_state}", shots.c.project_id, shots.c.position, where=_where)
partial_index("shots_number", shots.c.project_id, shots.c.number, shots.c.position, where="deleted_at IS NULL")
partial_index(
    "shots_identity", shots.c.project_id, shots.c.identity, where="identity IS NOT NULL AND deleted_at IS NULL"
)
partial_index("shots_without_prompt", shots.c.project_id, shots.c.position, where="deleted_at IS NULL AND prompt = ''")
partial_index(
    "shots_chain", shots.c.project_id, shots.c.chain, shots.c.position, where="chain <> '' AND deleted_at IS NULL"
)
partial_index("shots_follows", shots.c.follows, where="follows IS NOT NULL")
Index("shots_changed", shots.c.project_id, shots.c.changed_rev)
partial_index("shots_choice", shots.c.chosen_take_id, where="chosen_take_id IS NOT NULL")

takes = Table(
    "takes",
    metadata,
    Column("id", WHOLE, primary_key=True),
    *required(WHOLE, "project_id", "shot_id"),
    Column("task_id", WHOLE, nullable=False, unique=True),
    # The take that it was made from, and whether exports use this file in its place.
    Column("parent_id", WHOLE),
    Column("stands_in", Boolean, nullable=False, server_default="0"),
    Column("number", WHOLE, nullable=False),
    *required(Text, "folder", "file"),
    Column("poster", Text),
    Column("seconds", Double, nullable=False),
    *required(WHOLE, "width", "height"),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    # Digest of the video's packets: the same for one video in two files.
    Column("content", Text),
    *required(Text, "provider", "model", "prompt"),
    Column("seed", BigInteger),
    json_column("warnings"),
    # What the checks say, and each measured value; NULL: not checked yet.
    Column("verdict", Text),
    json_column("checks"),
    Column("rejected", Text),
    # Its last sharp frame, once a shot has followed it.
    json_column("frame"),
    # What a person thinks of it: good, bad; NULL: nobody has said, or it was chosen by itself.
    Column("opinion", Text),
    # What a language model answered about it, with the model's name.
    json_column("answer"),
    # In and out point in seconds; NULL: the begin and end of the video.
    *optional(Double, "trim_in", "trim_out"),
    # Its task was deleted while it was the chosen one; undoing the deletion chooses it again.
    Column("was_chosen", Boolean, nullable=False, server_default="0"),
    Column("rev", BigInteger, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)
Index("takes_of_shot", takes.c.shot_id, takes.c.number)
Index("takes_sha256", takes.c.sha256)
Index("takes_content", takes.c.content)
partial_index("takes_of_opinion", takes.c.project_id, takes.c.id, where="opinion IS NOT NULL")
partial_index("takes_unchecked", takes.c.id, where="verdict IS NULL")

#: Links to the takes of one project for people without an account; signed, so that no row of it opens anything by itself.
review_links = Table(
    "review_links",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("project_id", WHOLE, nullable=False),
    *required(Text, "name", "nonce"),
    Column("password", Text),
    *required(UtcTime, "created_at", "expires_at"),
    Column("revoked_at", UtcTime),
    sqlite_autoincrement=True,
)
Index("review_links_of_project", review_links.c.project_id, review_links.c.id)

review_votes = Table(
    "review_votes",
    metadata,
    *required(WHOLE, "take_id", "link_id"),
    Column("reviewer", Text, nullable=False),
    Column("shot_id", WHOLE, nullable=False),
    Column("name", Text, nullable=False),
    Column("vote", WHOLE, nullable=False, server_default="0"),
    Column("favourite", Boolean, nullable=False, server_default="0"),
    Column("created_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("take_id", "link_id", "reviewer"),
)

review_comments = Table(
    "review_comments",
    metadata,
    Column("id", WHOLE, primary_key=True),
    *required(WHOLE, "take_id", "link_id"),
    *required(Text, "reviewer", "name"),
    Column("at", Double, nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)
Index("review_comments_of_take", review_comments.c.take_id, review_comments.c.at)

#: Pictures that may become a shot's reference image; hidden while the task that generated them is deleted.
candidates = Table(
    "candidates",
    metadata,
    Column("id", WHOLE, primary_key=True),
    *required(WHOLE, "project_id", "shot_id"),
    # NULL: uploaded by a user.
    Column("task_id", WHOLE, unique=True),
    Column("number", WHOLE, nullable=False),
    *optional(Text, "image", "image_url"),
    *optional(WHOLE, "width", "height"),
    Column("bytes", BigInteger),
    Column("provider", Text),
    *required(Text, "model", "prompt"),
    Column("seed", BigInteger),
    json_column("warnings"),
    Column("rejected", Boolean, nullable=False, server_default="0"),
    Column("rev", BigInteger, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)
Index("candidates_of_shot", candidates.c.shot_id, candidates.c.number)

#: Every version of every video prompt.
prompt_versions = Table(
    "prompt_versions",
    metadata,
    Column("id", WHOLE, primary_key=True),
    *required(WHOLE, "shot_id", "number"),
    Column("text", Text, nullable=False),
    # NULL: nobody said anything of it with this wording.
    Column("negative_prompt", Text),
    *required(Text, "author", "writer"),
    Column("created_at", UtcTime, nullable=False),
)
Index("prompt_versions_of_shot", prompt_versions.c.shot_id, prompt_versions.c.number, unique=True)

scripts = Table(
    "scripts",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("project_id", WHOLE, nullable=False),
    *required(Text, "name", "text"),
    # The same script submitted again continues where it stopped.
    *required(Text, "digest", "model", "state"),
    Column("first", WHOLE, nullable=False, server_default="1"),
    Column("created_at", UtcTime, nullable=False),
    *optional(UtcTime, "stored_at", "deleted_at"),
)
partial_index("scripts_of_project", scripts.c.project_id, scripts.c.id, where="deleted_at IS NULL")

script_pieces = Table(
    "script_pieces",
    metadata,
    Column("id", WHOLE, primary_key=True),
    *required(WHOLE, "script_id", "place", "first_line", "last_line"),
    *required(Text, "text", "state"),
    json_column("answer"),
    json_column("failure"),
)
Index("script_pieces_of_script", script_pieces.c.script_id, script_pieces.c.place, unique=True)
