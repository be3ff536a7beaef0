"""From integers to bytes: entropy coder, stored numbers, varints, blocks, multisets."""
