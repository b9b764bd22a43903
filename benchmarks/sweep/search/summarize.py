"""Tables and the picture of what run.sh left in a folder.

    summarize.py FOLDER     *.functions.jsonl, *.table.jsonl, *.overhead.jsonl -> tables on stdout, best_so_far.svg
"""
import collections
import glob
import json
import math
import os
import statistics
import sys

from scipy.stats import mannwhitneyu

OURS = "tpe"
PEER = "optuna-default"
COLOURS = {OURS: "#0072b2", PEER: "#d55e00", "optuna-independent": "#999999", "random": "#cccccc"}


def lines(folder, kind):
    for path in sorted(glob.glob(os.path.join(folder, f"*.{kind}.jsonl"))):
        with open(path) as file:
            yield from map(json.loads, file)


def quartiles(values):
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high


def functions(folder):
    curves = collections.defaultdict(lambda: collections.defaultdict(lambda: collections.defaultdict(dict)))
    for line in lines(folder, "functions"):
        curves[line["function"]][line["method"]][line["seed"]][line["trial"]] = line["best"]
    print("best after the last trial: median [quartiles] over seeds; p: two-sided Mann-Whitney against " + PEER)
    worse = []
    for function, methods in curves.items():
        last = {method: [by_trial[max(by_trial)] for by_trial in seeds.values()] for method, seeds in methods.items()}
        for method, values in last.items():
            middle, low, high = quartiles(values)
            print(f"  {function:18} {method:20} {middle:12.5g} [{low:.5g}, {high:.5g}]  {len(values)} seeds")
        if OURS in last and PEER in last:
            ours, theirs = statistics.median(last[OURS]), statistics.median(last[PEER])
            p = mannwhitneyu(last[OURS], last[PEER]).pvalue
            verdict = "no worse" if ours <= theirs else "WORSE"
            worse += [function] if ours > theirs else []
            print(f"  {function:18} {verdict} than {PEER} by the median (p = {p:.2g})")
    if curves:
        with open(os.path.join(folder, "best_so_far.svg"), "w") as file:
            file.write(svg(curves))
        print("worse on: " + (", ".join(worse) or "none"))


def panel(function, methods, left, top, width, height):
    medians = {}
    for method, seeds in methods.items():
        trials = range(1 + min(max(by_trial) for by_trial in seeds.values()))
        medians[method] = [quartiles([by_trial[trial] for by_trial in seeds.values()]) for trial in trials]
    shown = [bound for rows in medians.values() for row in rows[4:] for bound in row]
    logarithmic = min(shown) > 0
    scale = math.log10 if logarithmic else float
    low, high = scale(min(shown)), scale(max(shown))

    def x(trial):
        return left + width * trial / (len(next(iter(medians.values()))) - 1)

    def y(value):
        return top + height * (1 - (min(scale(value), high) - low) / (high - low or 1))

    parts = [f'<text x="{left}" y="{top - 8}" font-weight="bold">{function}</text>',
             f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#888"/>']
    for value, at in ((low, top + height), (high, top + 10)):
        shown_as = 10**value if logarithmic else value
        parts.append(f'<text x="{left - 4}" y="{at}" text-anchor="end">{shown_as:.3g}</text>')
    for method, rows in medians.items():
        colour = COLOURS.get(method, "#009e73")
        band = [(trial, row[1]) for trial, row in enumerate(rows)]
        band += [(trial, row[2]) for trial, row in reversed(list(enumerate(rows)))]
        points = " ".join(f"{x(trial):.1f},{y(value):.1f}" for trial, value in band)
        parts.append(f'<polygon points="{points}" fill="{colour}" opacity="0.15"/>')
        points = " ".join(f"{x(trial):.1f},{y(row[0]):.1f}" for trial, row in enumerate(rows))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
    return parts


def svg(curves):
    columns, width, height = 3, 240, 150
    rows = -(-len(curves) // columns)
    total = columns * (width + 90), rows * (height + 60) + 50
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{total[0]}" height="{total[1]}" '
             'font-family="sans-serif" font-size="11">', '<rect width="100%" height="100%" fill="white"/>']
    for i, (function, methods) in enumerate(curves.items()):
        left, top = (i % columns) * (width + 90) + 70, (i // columns) * (height + 60) + 60
        parts += panel(function, methods, left, top, width, height)
    names = sorted({method for methods in curves.values() for method in methods})
    parts.append('<text x="10" y="18">best so far by trial: median and quartiles over seeds (less is better)</text>')
    for i, name in enumerate(names):
        parts.append(f'<text x="{440 + 140 * i}" y="18" fill="{COLOURS.get(name, "#009e73")}">{name}</text>')
    return "\n".join(parts + ["</svg>\n"])


def table(folder):
    errors = collections.defaultdict(lambda: collections.defaultdict(list))
    for line in lines(folder, "table"):
        errors[line["budget"]][line["method"]].append(line["error"])
    if errors:
        print("validation error at equal budgets of epochs: median [quartiles] over orders; mean")
    for budget, methods in errors.items():
        for method, values in methods.items():
            middle, low, high = quartiles(values)
            print(f"  {budget:5} epochs  {method:16} {middle:.4f} [{low:.4f}, {high:.4f}]  "
                  f"{statistics.mean(values):.4f}  {len(values)} orders")


def overhead(folder):
    times = collections.defaultdict(dict)
    for line in lines(folder, "overhead"):
        times[line["trials"]][line["method"]] = line["milliseconds"]
    if times:
        print("milliseconds of one suggestion and its report")
    for trials, methods in sorted(times.items()):
        for method, milliseconds in methods.items():
            ratio = milliseconds / methods[OURS]
            print(f"  {trials:6} known  {method:16} {milliseconds:9.3f}  {ratio:7.1f}x")


if __name__ == "__main__":
    functions(sys.argv[1])
    table(sys.argv[1])
    overhead(sys.argv[1])
