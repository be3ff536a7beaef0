"""Jets as tables: names of features, metrics, observables, pickles."""
