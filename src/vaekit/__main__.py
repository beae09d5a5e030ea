"""``python -m vaekit``."""

from vaekit.cli import main

main()
