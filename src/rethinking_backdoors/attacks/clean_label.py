"""Clean label (Turner et al. 2019, their baseline): images of the target class get the trigger and keep their label."""

from rethinking_backdoors.attacks import parts

Settings, eligible, make = parts.Nothing, parts.target, parts.stamped
