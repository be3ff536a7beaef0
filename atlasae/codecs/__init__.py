"""Codecs: the contract, the registry, and the codecs of atlasae."""
