"""The paper's Figures 3 to 9 from this project's arrays: one style, one module a figure."""
