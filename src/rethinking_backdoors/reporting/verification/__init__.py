"""Did it replicate? The published numbers beside ours, and the paper's claims put to a test."""
