"""Prediction and reference files of every lab's format, read and matched by id."""
