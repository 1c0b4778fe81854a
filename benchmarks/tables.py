"""How the benchmarks print."""


def table(header: list[str], rows: list[list[str]]) -> None:
    """Prints a Markdown table, columns aligned."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for line in (header, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)) + " |")
    print(flush=True)
