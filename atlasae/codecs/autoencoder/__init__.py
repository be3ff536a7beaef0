"""The autoencoder codec: features through a narrow layer."""
