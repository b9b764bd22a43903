"""The fault campaign: runs that are killed, starved, damaged and lied to, and must end as if nothing had happened.

./dev campaign                     every case with its full count (hours)
./dev campaign --minutes 120       every case, all counts cut in proportion
./dev campaign --slice             the short form that ./dev test runs
./dev campaign --only S02,T01 --seeds 17:18
"""
import argparse
import concurrent.futures
import importlib
import json
import multiprocessing
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback

from lab import HERE, Broken, Lab, NotRun, harness

# The order in which they run: those that need the most machinery come last.
CASES = ["T01", "T02", "T03", "T04", "T05", "T06", "T07", "T08", "T09", "T11", "T12", "S08",
         "D01", "D02", "D03", "D04", "D05", "D06", "M01", "M02", "M03", "M04", "Q12", "M01F", "M02F", "D02F", "Q12F",
         "S01", "S02", "S03", "S04", "S06", "S05", "S07", "T10", "T13",
         "Q01", "Q02", "Q03", "Q04", "Q05", "Q06", "Q07", "Q08", "Q09", "Q10", "Q11"]
BEGIN, END = "<!-- campaign:begin -->", "<!-- campaign:end -->"

lane = None  # a worker's Lab


def load(name):
    return importlib.import_module(f"cases.{name.lower()}")


def needs_slurm(name):
    return hasattr(load(name), "slurm_lab")


def case_names():
    return [name for name in CASES if (HERE / "cases" / f"{name.lower()}.py").exists()]


def enter_lane(folder):
    global lane
    harness.end_with_the_test()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lane = Lab(folder)


def one(name, seed):
    """One run of a case, in a lane. Returns what goes into the results."""
    began = time.monotonic()
    result = {"case": name, "seed": seed, "outcome": "passed"}
    place = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-{seed}-", dir=lane.folder))
    try:
        result["notes"] = load(name).run(lane, seed, place) or {}
    except NotRun as reason:
        result.update(outcome="not run", why=str(reason))
    except Broken as fault:
        result.update(outcome="failed", why=str(fault))
    except Exception:  # noqa: BLE001  a fault of the harness is a failure too
        result.update(outcome="failed", why=traceback.format_exc())
    result["seconds"] = time.monotonic() - began
    if result["outcome"] == "failed":
        kept = HERE.parents[1] / ".cache/campaign" / f"{name}-{seed}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(place, kept, symlinks=True, ignore_dangling_symlinks=True)
        result["folder"] = str(kept)
    shutil.rmtree(place, ignore_errors=True)
    return result


class Campaign:
    def __init__(self, options):
        self.options = options
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="broadsheet-campaign-"))
        self.results = []
        self.log = open(options.results, "a") if options.results else None

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def take(self, result):
        self.results.append(result)
        if self.log:
            print(json.dumps(result), file=self.log, flush=True)
        if result["outcome"] == "passed":
            return
        first = result["why"].strip().splitlines()
        repeat = f"./dev campaign --only {result['case']} --seeds {result['seed']}:{result['seed'] + 1}"
        print(f"{result['outcome'].upper()} {result['case']} seed {result['seed']}: {' | '.join(first)[:1500]}; "
              f"repeat: {repeat}" + (f"; kept in {result['folder']}" if "folder" in result else ""), flush=True)

    def run_seeds(self, name, seeds, deadline=None):
        """Seconds of wall time; stops taking new seeds at `deadline`."""
        case, began, waiting = load(name), time.monotonic(), iter(seeds)
        lanes = min(getattr(case, "LANES", 2), self.options.lanes)
        running = set()
        with concurrent.futures.ProcessPoolExecutor(lanes, multiprocessing.get_context("fork"), enter_lane,
                                                    (self.folder,)) as pool:
            while True:
                while len(running) < lanes and (deadline is None or time.monotonic() < deadline):
                    seed = next(waiting, None)
                    if seed is None:
                        break
                    running.add(pool.submit(one, name, seed))
                if not running:
                    break
                done, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    self.take(future.result())
        seconds = time.monotonic() - began
        mine = [result for result in self.results if result["case"] == name]
        passed = sum(result["outcome"] == "passed" for result in mine)
        print(f"{name}: {passed} of {len(mine)} passed, {seconds:.0f} s", flush=True)
        return seconds

    def run(self, names):
        Lab(self.folder).prepare()
        options = self.options
        if options.seeds:
            for name in names:
                self.run_seeds(name, range(*options.seeds))
        elif options.slice:
            for name in names:
                if load(name).COUNTS[0] > 0:
                    self.run_seeds(name, range(load(name).COUNTS[0]))
        elif options.minutes:
            self.run_in_proportion(names, time.monotonic() + 60 * options.minutes)
        else:
            for name in names:
                self.run_seeds(name, range(load(name).COUNTS[1]))

    def run_in_proportion(self, names, end):
        """A few runs of each case tell how long one takes; then all full counts are cut by the same factor."""
        probes = {name: min(2, load(name).COUNTS[1]) for name in names}
        cost = {name: self.run_seeds(name, range(probes[name])) / probes[name] for name in names}
        left = {name: load(name).COUNTS[1] - probes[name] for name in names}
        wanted = sum(cost[name] * left[name] for name in names)
        share = min(1.0, max(0.0, end - time.monotonic()) / wanted) if wanted > 0 else 0
        print(f"the full counts would take {wanted / 60:.0f} minutes more; each is cut to {100 * share:.0f} %", flush=True)
        for name in names:
            self.run_seeds(name, range(probes[name], probes[name] + round(left[name] * share)), end)


def rows(results):
    """One row per case: name, promise, wanted, run, passed, not run, seconds, notes."""
    table = []
    for name in case_names():
        mine = [result for result in results if result["case"] == name]
        if not mine:
            continue
        notes = {}
        for result in mine:
            for key, value in result.get("notes", {}).items():
                notes[key] = max(notes.get(key, value), value)
        skipped = sum(result["outcome"] == "not run" for result in mine)
        table.append((name, load(name).PROMISE, load(name).COUNTS[1], len(mine) - skipped,
                      sum(result["outcome"] == "passed" for result in mine), skipped,
                      sum(result["seconds"] for result in mine), notes))
    return table


def print_table(results, wall):
    print(f"\n{'case':5} {'wanted':>7} {'run':>6} {'passed':>7} {'not run':>8} {'seconds':>8}  longest")
    for name, _, wanted, run, passed, skipped, seconds, notes in rows(results):
        extra = ", ".join(f"{key} {value:.3g}" for key, value in notes.items())
        print(f"{name:5} {wanted:7} {run:6} {passed:7} {skipped:8} {seconds:8.0f}  {extra}")
    failed = sum(result["outcome"] == "failed" for result in results)
    print(f"{len(results)} runs, {failed} failed, {wall:.0f} s of wall time, "
          f"{sum(result['seconds'] for result in results):.0f} s in all lanes")
    return failed


def write_table(path, results):
    path = pathlib.Path(path)
    lines = ["| case | promise | full count | really run | passed | seconds |", "|---|---|---:|---:|---:|---:|"]
    for name, promise, wanted, run, passed, _, seconds, _ in rows(results):
        lines.append(f"| {name} | {promise} | {wanted} | {run} | {passed} | {seconds:.0f} |")
    text = path.read_text()
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    path.write_text(text[:begin] + "\n" + "\n".join(lines) + "\n" + text[end:])


def parse():
    parser = argparse.ArgumentParser(prog="./dev campaign", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="cases, with commas between")
    parser.add_argument("--seeds", help="a:b, the runs a to b-1 of each case")
    parser.add_argument("--slice", nargs="?", const="all", choices=("all", "local", "slurm"),
                        help="the short form that ./dev test runs; local or slurm: without, or only, what needs a Slurm")
    parser.add_argument("--minutes", type=float, help="cut all counts in proportion, to end after that long")
    parser.add_argument("--lanes", type=int, default=2, help="runs at once where a case allows")
    parser.add_argument("--results", help="append every run's result to this file, one JSON object a line")
    parser.add_argument("--write", help="put the table between the markers of this page; of all runs in --results")
    parser.add_argument("--list", action="store_true", help="the cases, their promises and counts")
    options = parser.parse_args()
    if options.seeds:
        first, _, last = options.seeds.partition(":")
        options.seeds = (int(first), int(last or int(first) + 1))
    options.names = options.only.split(",") if options.only else case_names()
    if options.slice in ("local", "slurm"):
        options.names = [name for name in options.names if needs_slurm(name) == (options.slice == "slurm")]
    unknown = set(options.names) - set(case_names())
    if unknown:
        parser.error(f"--only: no case {', '.join(sorted(unknown))}; there are {', '.join(case_names())}")
    return options


def main():
    options = parse()
    if options.list:
        for name in options.names:
            print(f"{name}  {load(name).COUNTS[0]:4} / {load(name).COUNTS[1]:5}  {load(name).PROMISE}")
        return
    for variable, mode in (("BROADSHEET", os.X_OK), ("CAMPAIGN_SHIM_LIBRARY", os.R_OK)):
        if not os.access(os.environ.get(variable, ""), mode):
            sys.exit(f"{variable}={os.environ.get(variable, '')}: wanted the program and the shim that ./dev builds")
    began, campaign = time.monotonic(), Campaign(options)
    try:
        campaign.run(options.names)
    finally:
        campaign.close()
    failed = print_table(campaign.results, time.monotonic() - began)
    if options.write:
        everything = campaign.results
        if options.results:
            everything = [json.loads(line) for line in open(options.results)]
        write_table(options.write, everything)
    # A campaign that ran nothing has shown nothing.
    sys.exit(1 if failed or not any(result["outcome"] == "passed" for result in campaign.results) else 0)


if __name__ == "__main__":
    main()
