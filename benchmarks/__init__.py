"""Measurements of atlasae; each program prints a table and writes JSON to ``results/``.

``python -m benchmarks`` measures cycles per jet, ``benchmarks.rates`` bits per jet and speed,
``benchmarks.reading`` the reading of a branch, ``benchmarks.scale`` 10^5 to 10^8 jets,
``benchmarks.campaign`` many files, ``benchmarks.variants`` the autoencoders,
``benchmarks.whole_files`` whole files and their columns by kind, and ``benchmarks.formats`` files of
all layouts. ``benchmarks.bars`` prints what of it has to be reached; ``benchmarks.readme`` makes the
tables of the documents.
"""
