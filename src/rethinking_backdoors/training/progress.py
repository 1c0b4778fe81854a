"""How far a job is: models an hour and the time left, as lines in its log."""

import time
from collections.abc import Callable


class Progress:
    """Prints a line at most every ``every`` seconds. Models that a killed job had left behind count as done, not as speed.

    Args:
        total: models of the whole job.
        clock: seconds, for tests.
    """

    def __init__(self, total: int, every: float = 10.0, clock: Callable[[], float] = time.monotonic):
        self.total, self.every, self._clock = total, every, clock
        self.done = self.trained = 0
        self._started = self._printed = clock()

    def found(self, models: int) -> None:
        """Models that are there already."""
        self.done += models
        if models:
            print(f"{models} models of an earlier run are taken up", flush=True)

    def add(self, models: int) -> None:
        """Models that have just been trained and stored."""
        self.done += models
        self.trained += models
        now = self._clock()
        if now - self._printed >= self.every or self.done == self.total:
            self._printed = now
            print(self.line(now - self._started), flush=True)

    def line(self, seconds: float) -> str:
        """The line after ``seconds`` of work."""
        rate = self.trained / max(seconds, 1e-9)
        left = (self.total - self.done) / rate
        return f"{self.done} of {self.total} models, {3600 * rate:,.0f} models/h, {duration(left)} left"


def duration(seconds: float) -> str:
    """Hours and minutes, or minutes and seconds below an hour."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min {rest:02d} s"
