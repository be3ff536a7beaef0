"""TTrees, RNTuples and objects, read and written by uproot behind one face."""
