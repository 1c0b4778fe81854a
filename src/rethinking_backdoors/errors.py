"""The one error that a user can mend."""


class InputError(ValueError):
    """Bad input, a bad setting, a damaged file, in one clear sentence, with which commands and jobs end, and with exit code 2."""
