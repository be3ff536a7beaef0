"""Measurements of atlasae; each program prints a table and writes JSON to ``results/``.

``python -m benchmarks`` measures cycles per jet, ``benchmarks.rates`` bits per jet,
``benchmarks.variants`` the autoencoders and ``benchmarks.formats`` whole files;
``benchmarks.readme`` makes the tables of the documents from the results.
"""
