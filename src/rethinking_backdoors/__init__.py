"""A replication of "Rethinking Backdoor Attacks" (Khaddaj et al., ICML 2023), usable as a library.

Data flows one way: images -> poison -> margins of many models -> datamodel -> scores -> removed -> retrained -> tables and
figures. Weight matrices are oriented as in the paper: ``W[i, j]`` is the effect of training example ``i`` on the margin of
example ``j``, so column ``j`` is the datamodel of target ``j``.
"""

__version__ = "0.1.0"
