"""Whether something broke since a baseline: quality, predictions, speed."""
