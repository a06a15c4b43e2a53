"""From a script to a storyboard that is reviewed before it is stored."""

from vidgen_core.dashboard.script import scripts as script_work
from vidgen_core.dashboard.session import current_visit, page_file

visit = current_visit()
script_work.form(visit)
script_work.scripts(visit, page_file("shots"))
