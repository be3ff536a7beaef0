"""The learned distribution of the integers."""
