"""``python -m vaekit``."""

from vaekit.cli.app import main

main()
