"""Values to integers within a tolerance, and back."""
