"""Reports: an original file compared with files compressed from it."""
