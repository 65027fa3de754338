"""Files of predictions and references, scored and compared."""
