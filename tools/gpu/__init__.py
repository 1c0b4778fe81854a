"""What ``tools/gpu_run.py`` does on a lent machine, and with what comes home from it."""

import sys
from pathlib import Path

# Packages that travelled along (`gpu_run.py bundle`), for this Python; last, so that what the machine has itself goes first.
BUNDLE = Path(__file__).parents[2] / "bundle"
TAG = f"python{sys.version_info[0]}.{sys.version_info[1]}-{sys.platform}"
sys.path += [str(BUNDLE / TAG)] * (BUNDLE / TAG).is_dir()
