"""Ordinary files and data frames, made from compressed files or others."""
