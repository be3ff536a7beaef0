"""Comparing a ROOT file with one that was made from it."""
