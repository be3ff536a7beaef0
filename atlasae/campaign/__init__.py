"""Work on many files: compress, decompress and check, in one process, in several, or by Dask."""
