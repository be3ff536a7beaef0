"""Figures of what compression did to jets, and of how a codec was trained.

Each function draws on the axes given, or on those of a new figure, and returns the artists that
show the data. A ``Style`` is that of an experiment: its ``context()`` sets fonts and sizes, and as
an argument it sets the label and the units.

    style = plots.Style("CMS", "Simulation Preliminary")
    with style.context():
        plots.distribution(jets, {"bounded": back}, "pt", style=style)
        plt.savefig("pt.pdf")
"""

from __future__ import annotations

from atlasae.optional import needs_extra

with needs_extra("plot", "atlasae.plots"):
    from atlasae.plots.bin_migrations import migration_matrix
    from atlasae.plots.derived import dijet_mass_shift, observable
    from atlasae.plots.features import corner, distribution
    from atlasae.plots.latents import latent_pairs, latent_space
    from atlasae.plots.rates import Rate, rate_distortion, rate_speed, read_rates
    from atlasae.plots.residual_profiles import residual_correlation, residual_profile
    from atlasae.plots.residuals import residual, residual_sizes
    from atlasae.plots.sizes import branch_sizes
    from atlasae.plots.spectra import comb
    from atlasae.plots.style import ATLAS, EXPERIMENTS, PLAIN, Style
    from atlasae.plots.training import learning_rates, training

__all__ = [
    "ATLAS",
    "EXPERIMENTS",
    "PLAIN",
    "Rate",
    "Style",
    "branch_sizes",
    "comb",
    "corner",
    "dijet_mass_shift",
    "distribution",
    "latent_pairs",
    "latent_space",
    "learning_rates",
    "migration_matrix",
    "observable",
    "rate_distortion",
    "rate_speed",
    "read_rates",
    "residual",
    "residual_correlation",
    "residual_profile",
    "residual_sizes",
    "training",
]
