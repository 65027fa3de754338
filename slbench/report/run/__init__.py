"""One page about one run: `finding` reads it, `analysis` looks into it, `page` says it, `html` and `markdown` write."""
