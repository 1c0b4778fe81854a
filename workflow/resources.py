# How much memory the jobs on whole matrices take at most, in MB, by what the library's docstrings say. At the paper's scale that
# is tens of GB, and a cluster's scheduler or `--resources mem_mb=` runs only as many at once as there is room for. Included by
# the Snakefile, after workflow/common.smk.
ON_DEVICE = config["device"] != "cpu"
# Python with its libraries, and with CUDA where it is used.
LOADED = 4e9 if ON_DEVICE else 1e9
STORAGE = config.get("storage", "float32")
HALF = STORAGE == "float16"


def fit_memory(w, attempt=1, half=HALF):
    """A fit of datamodels to all models that are read: W, masks unpacked, a block of targets, what the estimator adds."""
    n = config["images"]["train"]
    m = compared_models(w) if hasattr(w, "comparison") else count_of(config, int(w.experiment))
    # As bools and as float32 or float64; on the CPU no more than 16,384 examples at once, half as many in float64.
    masks = 5 * m * (n if ON_DEVICE else min(n if half else 2 * n, 16384))
    weights, block = (2 if half else 4) * n**2, 4 * min(n, 2048 if half else 4096) * (2 * m + (3 if half else 6) * n)
    added = {"ridge": 4 * min(m, n) ** 2, "lasso": 4 * n**2 + 0.8 * m * n}.get(config["estimator"], 0)
    # On a GPU the unpacked masks and the Gram matrix have left this memory before W is made.
    arrays = max(masks, weights + block + added) if ON_DEVICE else masks + weights + block + added
    packed = 2 * m * n / 8  # all, and those without the held-out models
    return tried((LOADED + packed + arrays) / 1e6, attempt)


def halves_memory(w, attempt=1):
    """W of either half of the models: the second is fitted beside the first, then both are searched."""
    if HALF:  # one of them is put aside, and W + W' takes the place of W
        return fit_memory(w, attempt)
    n = config["images"]["train"]
    return tried(max(fit_memory(w) + 4 * n**2 / 1e6, search_memory(w) + 600 * n / 1e6), attempt)


def search_memory(w, attempt=1, half=HALF):
    """A search: W and W + W', with the lists of the rows' lowest entries."""
    n = config["images"]["train"]
    return tried((LOADED + (4 if half else 8) * n**2 + 600 * n) / 1e6, attempt)


def evidence_memory(w, attempt=1):
    """W of both halves of the models, and W + W' of one."""
    return fit_memory(w, attempt) + search_memory(w, attempt)


def study_memory(w, attempt=1):
    """A fit and a search in float32, whatever the configuration stores; but `growth` searches in the place of W."""
    if w.comparison == "growth":
        return halves_memory(w, attempt)
    return fit_memory(w, attempt, half=False) + search_memory(w, attempt, half=False)


def tried(megabytes, attempt):
    """Half as much again with every try, where a profile allows more than one (workflow/profiles/slurm)."""
    return round(megabytes * (1 + 0.5 * (attempt - 1)))
