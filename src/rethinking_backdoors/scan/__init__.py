"""Is there a planted feature in a data set of unknown origin? From examples and labels to a verdict, within a budget of time."""
