"""What has happened, line by line, newest first or with auto-scroll."""

from vidgen_core.dashboard.shell import live_updates
from vidgen_core.dashboard.tasks import log_page

live_updates.watch(log_page.LIVE)
log_page.lines()
