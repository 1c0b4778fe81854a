"""Says where the tables and figures of a data set are: the last lines of `make reproduce`."""

import sys
from pathlib import Path

dataset = sys.argv[1]
print("\nDone. Everything of the replication is here:")
for path, what in (
    (f"results/{dataset}/verification.md", "did it replicate: the paper's claims and numbers beside ours"),
    (f"results/{dataset}/summary.md", "every table in readable form, with intervals, controls and captions"),
    (f"results/{dataset}/tables/", "the same numbers as CSV, also seed by seed"),
    (f"figures/{dataset}/", "Figures 2 to 11, PNG and PDF"),
    (f"results/{dataset}/cost.csv", "what each step cost"),
):
    print(f"  {Path(path).resolve()}{'/' if path.endswith('/') else ''}\n      {what}")
