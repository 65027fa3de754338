"""Files of predictions and references, read, matched by id, scored and compared."""
