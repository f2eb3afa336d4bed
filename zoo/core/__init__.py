"""Model-independent utilities: data, training, metrics, checkpoints, figures, conformance."""
