"""A local fake provider that speaks the protocols of Yunwu, KIE and Lovart, renders real MP4s and fails on demand.

``server`` starts it, ``options`` configures it, ``faults`` lists its faults; ``vidgen rehearse`` runs it. No real job reaches it
unless the settings name its address.
"""
