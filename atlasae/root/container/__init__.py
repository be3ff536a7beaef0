"""What a compressed ROOT file holds."""
