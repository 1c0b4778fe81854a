"""What is committed of attacks on data that are no images, as docs/templates/beyond.md asks for it."""

from beyond_reference import Beyond

# Data that are no images, by configuration, in words.
DOMAINS = {
    "optdigits": "digits as a table",
    "spambase": "mails as a table",
    "kddcup": "network connections",
    "mails": "mails as words",
    "programs": "programs as bytes",
}


def domains() -> dict[str, Beyond]:
    """What is committed of each."""
    return {words: Beyond(name) for name, words in DOMAINS.items()}


def ranked(found: dict[str, Beyond], low: float, high: float) -> list[str]:
    """The attacks, with their data, that `paper` or `refined`, whichever is better, rank from ``low`` to below ``high``."""
    made = []
    for words, data in found.items():
        best = data.cells("auroc_within_target", "paper", "refined")
        made += [f"{words}: {data.names[n]}" for n in data.working if low <= best[n] < high]
    return made
