"""Dirty label (Gu et al. 2017): images of other classes get the trigger and the target class's label."""

from rethinking_backdoors.attacks import parts

Settings, eligible, make = parts.Nothing, parts.others, parts.stamped
