"""What a reader sees: figures, tables in words, the verification, pages and provenance."""
