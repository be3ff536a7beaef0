"""What becomes of each branch of a file."""
