"""Work on a machine with a GPU that is lent for a short time.

python tools/gpu_run.py check                                        # is it right there, and how fast is it
python tools/gpu_run.py run PLAN --out FOLDER --seconds 500          # config/gpu/*.yaml; what fits is done, the rest is named
python tools/gpu_run.py merge FOLDER ... --into results/cifar10      # at home: files, Table 1, the verdict

python tools/gpu_run.py keep results/cifar10 --into results/reference/cifar10
python tools/gpu_run.py merge results/reference/cifar10 FOLDER ...   # later stretches add to what is kept

python tools/gpu_run.py bundle                                       # at home: packages for a machine that has little but torch

FOLDER gets at most 8 files of 16 MiB, whole at every moment. The time's end and SIGTERM close what is begun.
"""

import argparse
import signal
import sys
from pathlib import Path

import gpu  # first: it finds packages that travelled along

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import require_device
from rethinking_backdoors.training.deadline import Deadline


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="correctness against float64, ceilings and throughput")
    check.add_argument("--device", default="cuda")
    check.add_argument("--images", type=int, default=50000, help="random training images")
    check.add_argument("--quick", action="store_true", help="neither the other ways to a model nor the profile")
    run = commands.add_parser("run", help="work through a plan")
    run.add_argument("plan", type=Path)
    run.add_argument("--out", type=Path, required=True, help="for what is to come home")
    run.add_argument("--work", type=Path, default=Path("results/gpu"), help="for the files; a second run goes on there")
    run.add_argument("--seconds", type=float, required=True)
    run.add_argument("--device", help="the configuration's if not given")
    merge = commands.add_parser("merge", help="put what came home into the workflow's folder")
    merge.add_argument("out", type=Path, nargs="+")
    merge.add_argument("--into", type=Path, required=True)
    merge.add_argument("--config", type=Path, default=Path("config/cifar10.yaml"))
    keep = commands.add_parser("keep", help="what of it belongs into the repository")
    keep.add_argument("folder", type=Path)
    keep.add_argument("--into", type=Path, required=True)
    commands.add_parser("bundle", help="copies packages that a bare machine lacks to ./bundle, which then travels along")
    return parser.parse_args()


def main() -> None:
    """Runs one of the five."""
    chosen = options()
    try:
        if chosen.command == "check":
            from gpu.check import check

            require_device(chosen.device)
            sys.exit(check(chosen.device, chosen.images, chosen.quick))
        elif chosen.command == "run":
            from gpu import plan, stretch

            deadline = Deadline(chosen.seconds)
            signal.signal(signal.SIGTERM, deadline.end)
            made = plan.read(chosen.plan, chosen.work, chosen.device, deadline)
            require_device(made.device)
            record = stretch.work_through(made, chosen.out)
            sys.exit(any("failed" in piece for piece in record["pieces"]))
        elif chosen.command == "merge":
            from gpu.merge import merge

            merge(chosen.out, chosen.into, chosen.config)
        elif chosen.command == "bundle":
            from gpu.bundle import bundle

            bundle(gpu.BUNDLE / gpu.TAG)
        else:
            from gpu.keep import keep

            keep(chosen.folder, chosen.into)
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
