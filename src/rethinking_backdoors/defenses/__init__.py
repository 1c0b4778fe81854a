"""Defenses: which training examples to remove. None of them sees which examples are poisoned.

A defense is one module here with three names: ``Settings`` (a dataclass, the keys of its line in the configuration), ``ORACLE``
(the fields of ``interface.Oracle`` that it can use) and ``defend``. ``registry.run`` finds it by the name of its module.
"""
