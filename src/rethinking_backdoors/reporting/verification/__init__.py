"""Did it replicate? The published numbers beside the measured ones, and the paper's claims put to a test."""
