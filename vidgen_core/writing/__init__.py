"""From a script to a storyboard and its prompts: reading, splitting, asking, judging; nothing is stored or sent here."""

from vidgen_core.writing.asking import (
    ask_for_prompt,
    ask_for_repair,
    ask_for_shots,
    ask_for_translation,
    longest_answer,
    response_format,
)
from vidgen_core.writing.cameras import CAMERAS, camera_words
from vidgen_core.writing.judging import judge
from vidgen_core.writing.planning import Board, board_of_answers, board_offline, coverage
from vidgen_core.writing.proposals import ProposedShot, UnreadableAnswer, read_prompt, read_shots
from vidgen_core.writing.reading import SCRIPT_ENDINGS, read_script, tidy
from vidgen_core.writing.splitting import CONTENT, Kind, Line, Piece, language_of, pieces_of, read_lines, split
from vidgen_core.writing.templates import TEMPLATE, from_line

__all__ = [
    "CAMERAS",
    "CONTENT",
    "SCRIPT_ENDINGS",
    "TEMPLATE",
    "Board",
    "Kind",
    "Line",
    "Piece",
    "ProposedShot",
    "UnreadableAnswer",
    "ask_for_prompt",
    "ask_for_repair",
    "ask_for_shots",
    "ask_for_translation",
    "board_of_answers",
    "board_offline",
    "camera_words",
    "coverage",
    "from_line",
    "judge",
    "language_of",
    "longest_answer",
    "pieces_of",
    "read_lines",
    "read_prompt",
    "read_script",
    "read_shots",
    "response_format",
    "split",
    "tidy",
]
