"""Import shots from whatever people have, with a preview before anything is stored."""

from vidgen_core.dashboard.add import forms, preview, request
from vidgen_core.dashboard.session import current_visit

visit = current_visit()
forms.drop_zone(visit)
planned = request.planned(visit)
if planned is not None:
    preview.show(visit, planned)
preview.show_outcome(visit)
