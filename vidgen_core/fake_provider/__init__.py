"""The rehearsal: a local pretend provider that speaks the protocols of Yunwu, KIE and Lovart, makes real MP4s and misbehaves on demand.

``server`` starts it, ``options`` says how it behaves, ``faults`` names everything it can do wrong. Nothing in
here is ever reached by a real job unless the settings name its address.
"""
