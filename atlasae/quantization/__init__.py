"""From values to integers within a tolerance, and back."""
