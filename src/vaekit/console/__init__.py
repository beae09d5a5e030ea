"""What the commands share: options, files read and written."""
