"""Reports of a replay and of a comparison: tables, text, figures."""
