import json
import subprocess
import sys
import tempfile

from rethinking_backdoors.figures import rulegraph, style
from rethinking_backdoors.io import job

with job(snakemake.log[0]), tempfile.NamedTemporaryFile("w", suffix=".json") as config:
    # The configuration of this run, whatever files and options it came from.
    json.dump(snakemake.config, config)
    config.flush()
    command = ["-m", "snakemake", "--snakefile", snakemake.input[0], "--configfile", config.name, "--rulegraph", "dot"]
    done = subprocess.run([sys.executable, *command], stdout=subprocess.PIPE, stderr=sys.stderr, text=True, check=True)
    style.save(rulegraph.draw(done.stdout), snakemake.output.png)
