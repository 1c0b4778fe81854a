"""The display of `make reproduce`, on a clock of the tests' own."""

import logging

import pytest

from snakemake_logger_plugin_progress import Lines, LogHandler, Run, failure, spoken


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


def record(**fields):
    made = logging.LogRecord("snakemake", fields.pop("level", logging.INFO), "", 0, fields.pop("message", ""), (), None)
    made.__dict__.update(fields)
    return made


def test_the_estimate_by_hand(clock):
    run = Run(clock)
    run.plan({"train": 8, "detect": 4, "total": 12})
    assert run.total == 12
    for job in range(6):
        run.start(job, "train", {"e": job})
        clock.seconds += 10
        assert run.left() is None or job == 5
        run.finish(job)
    run.start(6, "train", {})
    clock.seconds += 4
    # One at a time. Two more of 10 s each, of which 4 s have gone; four of a rule that has not run yet, at the mean of 10 s.
    assert run.left() == pytest.approx(2 * 10 - 4 + 4 * 10)
    run.finish(6)
    run.start(7, "detect", {})
    clock.seconds += 1
    run.finish(7)
    # One train of (60 + 4) / 7 s, three detect of 1 s, while the past was busy all the time.
    assert run.left() == pytest.approx(64 / 7 + 3)


def test_two_jobs_at_a_time_halve_what_is_left(clock):
    run = Run(clock)
    run.plan({"train": 20})
    for job in range(0, 10, 2):
        run.start(job, "train", {})
        run.start(job + 1, "train", {})
        clock.seconds += 6
        run.finish(job)
        run.finish(job + 1)
    assert run.left() == pytest.approx(10 * 6 / 2)
    assert run.line() == "10 of 20 jobs, 30 s, about 30 s left"


@pytest.mark.parametrize(("hours", "most"), [(0.15, 16), (2, 35), (24, 50)])
def test_a_run_of_any_length_writes_few_lines_in_a_pipe(clock, hours, most, capsys):
    run = Run(clock)
    run.plan({"train": 1000})
    lines = Lines(run)
    for second in range(int(3600 * hours)):
        if second % max(1, int(3.6 * hours)) == 0:
            run.start(second, "train", {"e": 1})
            run.finish(second)
        clock.seconds += 1
        lines.tick()
    written = capsys.readouterr().err.splitlines()
    assert most / 2 < len(written) <= most
    assert " of 1000 jobs, 30 s" in written[0]


def test_durations_as_a_person_says_them():
    assert [spoken(seconds) for seconds in (0.4, 59, 61, 3599, 7500)] == ["0 s", "59 s", "1 min 1 s", "59 min 59 s", "2 h 5 min"]


def test_a_failed_job_is_shown_with_the_end_of_its_log(tmp_path):
    log = tmp_path / "train.log"
    log.write_text("\n".join(f"line {number}" for number in range(50)))
    said = failure(record(rule_name="train", output=["margins.npy", "margins.json"], log=[f"{log} (check log)"], rule_msg=None))
    assert "Error in rule train, which makes margins.npy and 1 more" in said
    assert f"Its log is {log}, which ends:" in said
    assert ("line 49" in said, "line 30" in said, "line 29" in said) == (True, True, False)
    assert "(not written)" in failure(record(rule_name="train", output=[], log=["gone.log"], rule_msg=None))


def test_snakemakes_own_messages_are_left_to_its_log_file_but_for_errors(capsys):
    handler = LogHandler(None, None)
    handler.emit(record(message="Select jobs to execute..."))
    handler.emit(record(message="RuleException:\nCalledProcessError in file x", level=logging.ERROR))
    assert capsys.readouterr().err == ""
    handler.emit(record(event="run_info", stats={"train": 1, "total": 1}))
    handler.emit(record(event="job_info", jobid=3, rule_name="train", wildcards={"dataset": "digits", "experiment": "5"}))
    assert handler.run.doing() == "train (experiment 5)"
    handler.emit(record(event="job_finished", job_id=3))
    handler.emit(record(message="WorkflowError: no such file", level=logging.ERROR))
    handler.emit(record(message="Complete log(s): here"))
    handler.close()
    assert capsys.readouterr().err.splitlines() == ["1 jobs done in 0 s", "WorkflowError: no such file", "Complete log(s): here"]


def test_a_job_that_was_killed_is_called_so(capsys):
    handler = LogHandler(None, None)
    said = "RuleException:\nCalledProcessError in file x, line 3:\nCommand 'python a.py' died with <Signals.SIGKILL: 9>."
    handler.emit(record(message=said, level=logging.ERROR))
    handler.close()
    assert capsys.readouterr().err == (
        "A job was killed (SIGKILL), by somebody or because memory ran out: the same command goes on.\n"
    )
