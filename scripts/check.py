import sys

from rethinking_backdoors.io import job
from rethinking_backdoors.reporting.verification import check

with job(snakemake.log[0]):
    compared = check.compare(check.read(snakemake.input), check.read_reference(snakemake.params.reference))
print(check.report(compared), flush=True)
if check.fails(compared):
    sys.exit("Numbers of this run are outside what seeds differ by, or missing: see above.")
