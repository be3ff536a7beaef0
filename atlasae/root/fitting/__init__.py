"""Codecs fitted to the collections and columns of files."""
