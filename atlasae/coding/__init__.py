"""Integers to bytes: the entropy coder, blocks, varints, multisets."""
