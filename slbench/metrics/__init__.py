"""Metrics: per-sample sufficient statistics, summed into scores with confidence intervals."""
