"""Datamodels: per target, which training examples move its margin. Plain arrays in, a weight matrix W out."""

from rethinking_backdoors.datamodels.difference import difference_in_means

ESTIMATORS = {"difference": difference_in_means}
