"""The command line: ``vaekit --help``."""
