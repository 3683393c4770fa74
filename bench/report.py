"""bench/results.md, and docs/bench.svg, of what bench/results.json holds."""

import math
import statistics
from xml.sax.saxutils import escape

import scanner
from fleets import COLD, COMMON, LINE, NOTHING, PIN, ROWS
from sides import SIDES

OURS, BARE = "slipway", "slipway without bytecode"
PIP, UV = "BuildKit with pip and gzip", "BuildKit with uv and zstd"
PLOTTED = (COLD, NOTHING, LINE, COMMON, PIN)


def median(cell, key):
    return statistics.median(run[key] for run in cell["runs"])


def seconds(value):
    return f"{value:.3f}" if value < 1 else f"{value:.1f}"


def spread(cell, key):
    values = [run[key] for run in cell["runs"]]
    text = seconds(statistics.median(values))
    if len(values) > 1:
        text += f" ({seconds(min(values))} to {seconds(max(values))})"
    return text


class Figures:
    """The medians of one fleet; None where something was not measured."""

    def __init__(self, sides):
        self.sides = sides

    def cell(self, side, row):
        cell = self.sides.get(side, {}).get(row)
        return cell if cell and cell["runs"] else None

    def get(self, side, row, key="wall_s"):
        cell = self.cell(side, row)
        return median(cell, key) if cell else None

    def ratio(self, above, below, key="wall_s"):
        if None in (self.get(*above, key), self.get(*below, key)):
            return None
        return self.get(*above, key) / self.get(*below, key)


def targets(fleet, figures):
    """[what, target, figure or None, its text, whether it is met]"""
    def at_most(what, limit, value, unit, scale=1):
        lines.append((what, f"at most {limit:g} {unit}".strip(),
                      None if value is None
                      else f"{value / scale:.3g} {unit}".strip(),
                      value is not None and value / scale <= limit))

    def at_least(what, limit, value):
        lines.append((what, f"at least {limit:g} times",
                      None if value is None else f"{value:.1f} times",
                      value is not None and value >= limit))

    lines = []
    if fleet == "8":
        at_least(f"cold, against {PIP}", 20,
                 figures.ratio((PIP, COLD), (OURS, COLD)))
        at_least(f"cold without bytecode, against {UV}", 8,
                 figures.ratio((UV, COLD), (BARE, COLD)))
        at_most("cold without bytecode, against the floor", 1.5,
                figures.ratio((BARE, COLD), ("floor", COLD)), "times")
        at_most("the same in processor time", 1.5,
                figures.ratio((BARE, COLD), ("floor", COLD), "cpu_s"), "times")
        at_most("bytes written by the cold build", 4,
                figures.get(OURS, COLD, "written_bytes"), "GB", 1e9)
    at_most("peak memory of the cold build", 512,
            figures.get(OURS, COLD, "peak_bytes"), "MiB", 1 << 20)
    for row, limit in ((NOTHING, 0.1), (LINE, 0.15), (COMMON, 1), (PIN, 2)):
        at_most(row, limit, figures.get(OURS, row), "s")
    return lines


def fleet_tables(fleet, sides):
    figures = Figures(sides)
    ours = {row: figures.get(OURS, row) for row in ROWS}
    lines = [f"## {fleet} services", "",
             "| row | side | wall (min to max), s | of slipway's | processors,"
             " s | memory, MB | written, MB | on disk, MB | runs |",
             "|---|---|--:|--:|--:|--:|--:|--:|--:|"]
    for row in ROWS:
        for side in SIDES:
            cell = figures.cell(side, row)
            if not cell:
                continue
            times = (f"{median(cell, 'wall_s') / ours[row]:.2f}"
                     if ours[row] else "")
            lines.append(
                f"| {row} | {side} | {spread(cell, 'wall_s')} | {times} "
                f"| {seconds(median(cell, 'cpu_s'))} "
                f"| {median(cell, 'peak_bytes') / 1e6:.0f} "
                f"| {median(cell, 'written_bytes') / 1e6:.0f} "
                f"| {cell['disk_bytes'] / 1e6:.0f} | {len(cell['runs'])} |")
    lines += ["", "| target | | measured | |", "|---|--:|--:|---|"]
    for what, target, text, met in targets(fleet, figures):
        verdict = "" if text is None else "met" if met else "missed"
        lines.append(f"| {what} | {target} | {text or 'not measured'} "
                     f"| {verdict} |")
    return lines + [""]


def versions(fleets):
    found = {cell["version"] for sides in fleets.values()
             for rows in sides.values() for cell in rows.values()
             if cell["runs"]}
    return "; ".join(sorted(found))


def table(data):
    machine = data["machine"]
    loads = [run["load"] for sides in data["fleets"].values()
             for rows in sides.values() for cell in rows.values()
             for run in cell["runs"]]
    if "scanner" in data:
        loads.append(data["scanner"]["load"])
    lines = [f"{machine['cpu']}, {machine['cores']} cores, "
             f"{machine['memory_bytes'] / 2**30:.0f} GiB, Linux "
             f"{machine['kernel']}; {versions(data['fleets'])}. Medians; the "
             f"machine's load while it was measured: "
             f"{statistics.median(loads):.1f}, at most {max(loads):.1f}.", ""]
    for fleet, sides in data["fleets"].items():
        lines += fleet_tables(fleet, sides)
    if "scanner" in data:
        lines += scanner.table(data["scanner"])
    return "\n".join(lines)


# -- the plot: bars on a logarithmic scale, one group per row --

WIDTH, LABEL, BAR, GAP = 760, 250, 16, 14
SMALLEST_S, LARGEST_S = 0.01, 1000
COLOURS = {OURS: "#1f6feb", BARE: "#6ea8fe", "floor": "#999999"}
PEER_COLOUR = "#d9822b"


def bar_width(value):
    part = (math.log10(max(value, SMALLEST_S)) - math.log10(SMALLEST_S)) / (
        math.log10(LARGEST_S) - math.log10(SMALLEST_S))
    return part * (WIDTH - LABEL - 90)


def text(x, y, content, extra=""):
    return f'<text x="{x:g}" y="{y:g}" {extra}>{escape(content)}</text>'


def plot(sides, title):
    figures, y, parts = Figures(sides), 34, []
    for row in PLOTTED:
        shown = [side for side in SIDES if figures.cell(side, row)]
        if not shown:
            continue
        y += GAP + 6
        parts.append(text(8, y, row, 'font-weight="bold"'))
        y += 6
        for side in shown:
            value = figures.get(side, row)
            width = bar_width(value)
            colour = COLOURS.get(side, PEER_COLOUR)
            parts += [text(LABEL - 8, y + 12, side, 'text-anchor="end"'),
                      f'<rect x="{LABEL}" y="{y}" width="{width:.1f}" '
                      f'height="{BAR - 3}" fill="{colour}"/>',
                      text(LABEL + width + 6, y + 12, f"{seconds(value)} s")]
            y += BAR
    height = y + 12
    return "\n".join(
        [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
         f'height="{height}" viewBox="0 0 {WIDTH} {height}" '
         'font-family="sans-serif" font-size="12">',
         f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
         text(8, 20, title, 'font-size="14"'), *parts, "</svg>", ""])


def write(data, folder):
    content = table(data)
    (folder / "results.md").write_text(content)
    print(content)
    if "8" in data["fleets"]:
        (folder.parent / "docs" / "bench.svg").write_text(
            plot(data["fleets"]["8"], "Eight services, seconds "
                 "(logarithmic scale, shorter is better)"))
