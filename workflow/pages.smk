# What figures and the report's pages need of the rules: inputs, captions, sections.
def single(path, **values):
    """A path with values for some of its wildcards."""
    return expand(path, **values, allow_missing=True)[0]


def first(path):
    """What most figures show, as in the paper: the first seed and subset fraction of every attack."""
    return at(0, path, seed=SEEDS[:1])


def compute(comparison):
    return {"table": single(rules.comparison_table.output.table, comparison=comparison)}


def caption_of(name):
    """The file of a caption; of a figure that has none, its module, whose docstring then is the caption."""
    path = f"{HERE}/workflow/report/{name.removesuffix('_full')}.rst"
    return path if os.path.exists(path) else f"{HERE}/src/rethinking_backdoors/reporting/figures/{name}.py"


def reported(name):
    """The file of a table or figure in the report."""
    if name.startswith("figure"):
        return PICTURE.format(dataset=DATASET, figure=name)
    place = "" if name in ("claims", "verification", "cost") else "tables/"
    return f"results/{DATASET}/{place}{name}.csv"


def in_report(name):
    """The page of a table or figure, flagged for the report: its section, its title, and its caption with what came out."""
    with open(caption_of(name), encoding="utf-8") as file:
        title = file.readline().strip().strip('"')
    section = next(section for section, names in SECTIONS.items() if name in names)
    whole = os.path.abspath(f"results/{DATASET}/report/{name}.rst")  # Snakemake looks for captions beside the Snakefile
    return report(f"results/{DATASET}/report/{name}.html", caption=whole, category=section, labels={"table or figure": title})
