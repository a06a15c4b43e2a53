"""Shot lists, storyboards and pictures become an import plan; nothing is stored here.

``read_sources(paths)`` is the way in. A plan holds one ``PlannedShot`` a row with its verdict; a row that cannot be taken
says why and never stops the others. Only what cannot be read at all raises (``InputError``).
"""

from vidgen_core.importing.csv_list import read_csv
from vidgen_core.importing.folder import read_folder, read_images
from vidgen_core.importing.plan import ImportPlan, PlannedShot, Reason, identity
from vidgen_core.importing.reader import lists_among, read_source, read_sources
from vidgen_core.importing.storyboard import read_storyboard
from vidgen_core.importing.template import template_csv
from vidgen_core.importing.xlsx_list import read_xlsx

__all__ = [
    "ImportPlan",
    "PlannedShot",
    "Reason",
    "identity",
    "lists_among",
    "read_csv",
    "read_folder",
    "read_images",
    "read_source",
    "read_sources",
    "read_storyboard",
    "read_xlsx",
    "template_csv",
]
