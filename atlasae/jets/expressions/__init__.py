"""Expressions of the features of jets: read and evaluated, never run as Python."""
