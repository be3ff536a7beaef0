"""Columns of any type as bytes, every bit kept."""
