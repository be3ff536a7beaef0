"""ROOT files: what is in them, compressing them whole, reading and restoring what was compressed."""
