"""A logger plugin for Snakemake: what is being made, how far it is, how long it may take; errors whole; nothing else.

    snakemake --logger progress --cores all

On a terminal one display moves; in a pipe there is a line every 30 seconds, later less often, so that a run of any length stays
below 60 lines. Snakemake's own log file holds everything; its path is said at the end. snakemake-logger-plugin-rich 0.5.1 draws
a bar for every rule, but says nothing in a pipe before the end, and estimates no time.
"""

import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from logging import WARNING, LogRecord
from pathlib import Path

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

LOG_LINES = 20  # of a failed job's log
WANTED = ("Complete log", "Nothing to be done")
# What follows a failed job and says no more than that it failed.
SAID = ("RuleException:\nCalledProcessError", "Exiting because a job execution failed")


class Run:
    """What is known of a run: its jobs, which of them run, how long those of each rule took.

    Args:
        now: the clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic):
        self.now, self.began = now, now()
        self.planned: Counter[str] = Counter()
        self.total = self.done = 0
        self.names: dict[int, tuple[str, str]] = {}  # rule and full name of each job
        self.running: dict[int, float] = {}  # since when
        self.took: dict[str, list[float]] = {}

    def plan(self, counts: dict[str, int]) -> None:
        """Takes up how many jobs each rule has."""
        self.planned = Counter({rule: count for rule, count in counts.items() if rule != "total"})
        self.total = self.planned.total()

    def start(self, job: int, rule: str, wildcards: dict[str, str]) -> None:
        """A job begins; the data set, which all jobs share, is not said."""
        values = [f"{key} {value}" for key, value in wildcards.items() if key != "dataset"]
        self.names[job] = rule, " ".join([rule, f"({', '.join(values)})"] if values else [rule])
        self.running[job] = self.now()

    def finish(self, job: int) -> None:
        """A job has ended."""
        self.done += 1
        if job in self.running:
            self.took.setdefault(self.names[job][0], []).append(self.now() - self.running.pop(job))

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self.now() - self.began

    def left(self) -> float | None:
        """Seconds that the rest may take: each job what others of its rule took, or the mean of all, as many at a time as up to
        now; None before there is anything to go by."""
        durations = [seconds for rule in self.took.values() for seconds in rule]
        if len(durations) < 5 or self.done < self.total / 20:
            return None
        mean = sum(durations) / len(durations)
        typical = {rule: sum(own) / len(own) for rule, own in self.took.items()}
        ahead = self.planned - Counter({rule: len(own) for rule, own in self.took.items()})
        work = sum(count * typical.get(rule, mean) for rule, count in ahead.items())
        spent = [(self.names[job][0], self.now() - since) for job, since in self.running.items()]
        work -= sum(min(seconds, typical.get(rule, mean)) for rule, seconds in spent)
        busy = sum(durations) + sum(seconds for _, seconds in spent)
        return work / max(1.0, busy / max(self.elapsed(), 1e-9))

    def line(self) -> str:
        """How far it is, in one line."""
        left = self.left()
        estimate = f", about {spoken(left)} left" if left is not None and self.done < self.total else ""
        return f"{self.done} of {self.total} jobs, {spoken(self.elapsed())}{estimate}"

    def doing(self) -> str:
        """What is being made."""
        return ", ".join(self.names[job][1] for job in self.running) or "choosing the next jobs"


def spoken(seconds: float) -> str:
    """A duration as a person would say it: "40 s", "3 min 20 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


class Lines:
    """A line now and then, for pipes and log files."""

    def __init__(self, run: Run):
        self.run, self.last = run, 0.0

    def due(self) -> bool:
        """Whether a line is due: 30 seconds after the last, and later a sixth of the time gone by."""
        return self.run.total > 0 and self.run.elapsed() - self.last >= max(30.0, self.run.elapsed() / 6)

    def tick(self) -> None:
        """Writes a line if one is due."""
        if self.due():
            self.last = self.run.elapsed()
            self.say(f"{self.run.line()}; now {self.run.doing()}")

    def say(self, text: str) -> None:
        """Writes a message."""
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing is open."""


class Terminal:
    """One display that moves: a bar with the numbers, below it what is being made."""

    def __init__(self, run: Run):
        from rich.console import Console  # only here: not needed in a pipe
        from rich.live import Live

        self.run, self.console = run, Console(stderr=True, highlight=False)
        self.live = Live(console=self.console, get_renderable=self.picture, transient=True, refresh_per_second=4)

    def picture(self):
        """What is shown at this moment."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        picture = Table.grid()
        picture.add_row(Text(self.run.line()))
        picture.add_row(ProgressBar(self.run.total, self.run.done, width=min(self.console.width - 1, 100)))
        picture.add_row(Text(f"now {self.run.doing()}", style="dim", no_wrap=True, overflow="ellipsis"))
        return picture

    def tick(self) -> None:
        """Shows the display once there is something to show; it then moves by itself."""
        if self.run.total and not self.live.is_started:
            self.live.start()

    def say(self, text: str) -> None:
        """Writes a message above the display."""
        self.console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Leaves the terminal as it was."""
        self.live.stop()


class LogHandler(LogHandlerBase):
    """What Snakemake hands its messages to, one at a time."""

    writes_to_stream, writes_to_file = True, False
    has_filter, has_formatter, needs_rulegraph = True, True, False

    def __post_init__(self) -> None:
        self.run, self.stopped = Run(), threading.Event()
        self.view = (Terminal if sys.stderr.isatty() else Lines)(self.run)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self.stopped.wait(1):
            with self.lock:
                self.view.tick()

    def emit(self, record: LogRecord) -> None:
        """Takes up one message of Snakemake's."""
        event = getattr(record, "event", None)
        if event == LogEvent.RUN_INFO:
            self.run.plan(record.stats)
        elif event == LogEvent.JOB_INFO:
            self.run.start(record.jobid, record.rule_name, dict(record.wildcards or {}))
        elif event == LogEvent.JOB_FINISHED:
            self.run.finish(record.job_id)
            if self.run.done == self.run.total:
                self.view.say(f"{self.run.total} jobs done in {spoken(self.run.elapsed())}")
        elif event == LogEvent.JOB_ERROR:
            self.view.say(failure(record))
        elif signal := re.match(rf"{SAID[0]}.*died with <Signals\.(\w+)", record.getMessage(), re.DOTALL):
            self.view.say(f"A job was killed ({signal[1]}), by somebody or because memory ran out: the same command goes on.")
        elif (record.levelno >= WARNING and not record.getMessage().startswith(SAID)) or record.getMessage().startswith(WANTED):
            self.view.say(record.getMessage())

    def close(self) -> None:
        """Stops the display."""
        self.stopped.set()
        self.view.close()
        super().close()


def failure(record: LogRecord) -> str:
    """A failed job: its rule, what it was to make, why it failed, and the end of its log."""
    first, more = next(iter(record.output), "no file"), len(record.output) - 1
    made = f"{first} and {more} more" if more > 0 else first
    lines = ["", f"Error in rule {record.rule_name}, which makes {made}"]
    lines += [str(record.rule_msg)] if record.rule_msg else []
    for log in map(str, record.log):
        name = log.split(" (")[0]
        lines.append(f"Its log is {name}" + (", which ends:" if Path(name).exists() else " (not written)"))
        if Path(name).exists():
            lines += [f"    {line}" for line in Path(name).read_text(errors="replace").splitlines()[-LOG_LINES:]]
    return "\n".join([*lines, ""])
