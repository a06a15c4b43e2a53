"""The JSON of each noun, written once: what the HTTP API answers, exports hold and ``vidgen … --json`` prints."""
