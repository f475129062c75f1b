"""Reads files of rows: CSV, TSV, JSON, Parquet, Arrow."""
