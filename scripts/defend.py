import time

from rethinking_backdoors.defenses.removal import highest_scores
from rethinking_backdoors.io import job, read_json, read_npz, write_json

with job(snakemake.log[0]):
    for detection, path in zip(snakemake.input, snakemake.output, strict=True):
        started, manifest = time.perf_counter(), read_json(detection.replace(".npz", ".json"))
        removed = highest_scores(read_npz(detection, "score")["score"], snakemake.params.share, int(manifest["root"]))
        settings = {"share": snakemake.params.share, "rule": manifest["rule"]}
        facts = {"settings": settings, "oracle": {}, "seconds": round(time.perf_counter() - started, 3)}
        write_json(path, {"removed": removed.tolist(), **facts})
