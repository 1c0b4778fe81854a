from rethinking_backdoors.training.progress import Progress, duration


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_lines_come_at_most_every_ten_seconds_and_at_the_end(capsys):
    clock = Clock()
    progress = Progress(100, clock=clock)
    for _ in range(20):
        clock.now += 3
        progress.add(5)
    printed = capsys.readouterr().out.splitlines()
    # 5 models in 3 s are 6,000 an hour; lines after 12, 24, 36, 48 and 60 s.
    assert printed == [
        "20 of 100 models, 6,000 models/h, 0 min 48 s left",
        "40 of 100 models, 6,000 models/h, 0 min 36 s left",
        "60 of 100 models, 6,000 models/h, 0 min 24 s left",
        "80 of 100 models, 6,000 models/h, 0 min 12 s left",
        "100 of 100 models, 6,000 models/h, 0 min 00 s left",
    ]


def test_models_of_an_earlier_run_are_not_speed(capsys):
    clock = Clock()
    progress = Progress(1000, clock=clock)
    progress.found(900)
    clock.now += 36
    progress.add(10)
    assert capsys.readouterr().out.splitlines()[1] == "910 of 1000 models, 1,000 models/h, 5 min 24 s left"


def test_durations():
    assert [duration(seconds) for seconds in (59.6, 3599, 3600, 90061)] == [
        "1 min 00 s",
        "59 min 59 s",
        "1 h 00 min",
        "25 h 01 min",
    ]
