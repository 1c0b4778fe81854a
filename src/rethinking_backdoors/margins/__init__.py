"""Masks and margins: which examples each model was trained on, and the resumable store of what it then said of every example."""
