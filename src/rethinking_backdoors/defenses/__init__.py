"""Defenses: which training examples to remove. None of them sees which examples are poisoned."""
