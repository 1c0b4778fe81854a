"""When work has to end, and whether the next piece still fits."""

import math
import time
from collections.abc import Callable


class Deadline:
    """The end of a process's time: after some seconds, or at once when somebody says so.

    Args:
        seconds: from now; without end if not given.
        clock: seconds, for tests.
    """

    def __init__(self, seconds: float = math.inf, clock: Callable[[], float] = time.monotonic):
        self._clock, self._end = clock, clock() + seconds

    @property
    def left(self) -> float:
        """Seconds; negative if it is over."""
        return self._end - self._clock()

    def fits(self, seconds: float) -> bool:
        """Whether a piece of work of so many seconds ends in time."""
        return seconds <= self.left

    def end(self, *signal: object) -> None:
        """Nothing fits any more; may serve as a signal handler."""
        self._end = -math.inf
