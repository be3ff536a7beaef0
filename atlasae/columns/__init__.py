"""Columns of a tree, each coded given the others: flags, counts, indices, scores, momenta."""
