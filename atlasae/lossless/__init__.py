"""Lossless compression of the columns of a tree."""
