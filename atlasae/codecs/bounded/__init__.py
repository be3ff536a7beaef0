"""The bounded codec: every value within a tolerance."""
