"""The search for the strongest feature: a maximum-sum submatrix of W (paper, eq. 7), and the scores made from it (eq. 8).

Every function takes W oriented as in the paper: ``W[i, j]`` is the effect of training example i (row) on target j (column).
"""
