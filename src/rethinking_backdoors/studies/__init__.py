"""Questions beside the paper's tables."""
