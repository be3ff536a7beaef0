"""The learned probability of quantized jets, feature by feature, which the entropy coder uses."""
