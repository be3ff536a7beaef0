"""One interface to TTrees, RNTuples and other objects, which uproot reads and writes."""
