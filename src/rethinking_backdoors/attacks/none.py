"""No attack: experiment 0, in which no example is poisoned."""

from rethinking_backdoors.attacks import parts

Settings, eligible, make = parts.Nothing, parts.target, parts.stamped
