"""Measurements of atlasae: ``python -m benchmarks`` runs them, prints a table and writes JSON."""
