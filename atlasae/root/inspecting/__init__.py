"""What a compressed file holds and says: contents, sizes, card."""
