"""Changing what a file of JSON holds, as damage and other versions do."""

import json


def edit(path, change):
    """Let a function change the document of a file."""
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
