"""Everything that can be set, with one sentence under each field.

Values come from the environment (``VIDGEN_RUNNER__POLL_INTERVAL=0.2``), over ``settings.toml`` in the data home, over
the defaults. Secrets are ``SecretStr``: nothing here prints, dumps or raises one in clear.
"""
