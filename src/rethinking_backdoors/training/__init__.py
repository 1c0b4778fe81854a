"""Very many models on random subsets of one training set, and the margins of every training example in every model."""
