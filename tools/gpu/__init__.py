"""A stretch of time on a machine with a GPU: what is to be done there, what is measured, and what comes home."""
