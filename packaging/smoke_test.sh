#!/bin/sh
# Compress, check and restore the shipped sample with the atlasae that stands first in PATH.
set -eu
sample=$(python -c 'import atlasae; print(atlasae.sample("dijets"))')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python -m atlasae --version
atlasae compress "$sample" small.root --tolerance 1e-3
atlasae check "$sample" small.root
atlasae decompress small.root restored.root
atlasae check "$sample" restored.root --tolerance 1e-3
