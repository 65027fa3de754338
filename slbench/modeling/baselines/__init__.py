"""Baselines: floors, classic networks and simple strong ones, one module a model."""
