"""``python -m vidgen_core`` is ``vidgen``."""

from vidgen_core.cli import main

if __name__ == "__main__":
    main()
