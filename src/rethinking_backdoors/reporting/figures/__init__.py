"""Figures 2 to 11 from this project's arrays (3 to 9 are the paper's): one style, one module a figure."""
