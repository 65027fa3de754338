"""Tables and boards made from records."""
