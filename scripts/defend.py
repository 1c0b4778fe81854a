import time

from rethinking_backdoors.defenses.removal import highest_scores
from rethinking_backdoors.io import job, read_json, read_npz, write_json

with job(snakemake.log[0]):
    started, share = time.perf_counter(), snakemake.params.share
    manifest = read_json(snakemake.input.manifest)
    removed = highest_scores(read_npz(snakemake.input.detection, "score")["score"], share, int(manifest["root"]))
    settings = {"share": share, "detector": manifest["detector"]}
    facts = {"settings": settings, "oracle": {}, "seconds": round(time.perf_counter() - started, 3)}
    write_json(snakemake.output[0], {"removed": removed.tolist(), **facts})
