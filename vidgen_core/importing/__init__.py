"""Shot lists, storyboards and pictures become an import plan; nothing is stored here.

``read_sources(paths)`` is the way in. A plan holds one ``PlannedShot`` a row with its verdict; a row that cannot be taken
says why and never stops the others. Only what cannot be read at all raises (``InputError``).
"""

from vidgen_core.importing.columns import AS_GUESSED, FIELDS, ListChoice
from vidgen_core.importing.csv_list import read_csv
from vidgen_core.importing.folder import read_folder, read_images
from vidgen_core.importing.links import fetch_links, read_links
from vidgen_core.importing.looking import SheetLook, look_at
from vidgen_core.importing.pairing import Pairing, pair, split_prompts
from vidgen_core.importing.pictures import PICTURE_ENDINGS
from vidgen_core.importing.plan import ImportPlan, PlannedShot, Reason, identity
from vidgen_core.importing.reader import LIST_ENDINGS, lists_among, read_source, read_sources
from vidgen_core.importing.storyboard import read_storyboard
from vidgen_core.importing.template import template_csv
from vidgen_core.importing.tray import Tray, find_tray, open_tray
from vidgen_core.importing.xlsx_list import read_xlsx

__all__ = [
    "AS_GUESSED",
    "FIELDS",
    "LIST_ENDINGS",
    "PICTURE_ENDINGS",
    "ImportPlan",
    "ListChoice",
    "Pairing",
    "PlannedShot",
    "Reason",
    "SheetLook",
    "Tray",
    "fetch_links",
    "find_tray",
    "identity",
    "lists_among",
    "look_at",
    "open_tray",
    "pair",
    "read_csv",
    "read_folder",
    "read_images",
    "read_links",
    "read_source",
    "read_sources",
    "read_storyboard",
    "read_xlsx",
    "split_prompts",
    "template_csv",
]
