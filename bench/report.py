"""Writes bench/results.md and bench/results.json: the measurements and the thresholds."""
import json
from pathlib import Path

import peers

FOLDER = Path(__file__).parent
NAMES = {"get": "Get by id", "list": "List, 50 of one user", "trash": "Trash, of one user", "delete": "Delete and restore", "create": "Create"}
AT = 64   # the thresholds' number of connections


def write(run):
    """Writes both files from the results of bench/run, and returns the page."""
    page = "\n".join([*_head(run), *_thresholds(run), *_tables(run), *_growth(run), *_profile(), *_notes(run)]) + "\n"
    (FOLDER / "results.md").write_text(page)
    (FOLDER / "results.json").write_text(json.dumps(run, indent=1, default=lambda one: one.as_dict()) + "\n")
    return page


def _find(run, operation, target, connections=AT):
    for result in [*run["results"], *run["peers"]]:
        if (result.operation, result.target, result.connections) == (operation, target, connections):
            return result
    return None


def _ms(time):
    return f"{time:.3f}" if time < 1 else f"{time:.2f}"


def _head(run):
    options = run["options"]
    yield "# Benchmark results"
    yield ""
    yield (f"{run['date']}. Each number is the median of {options['repetitions']} × {options['seconds']} s, on {options['rows']:,} images of "
           f"{options['users']:,} users. Load generator, service and server share the machine. How to read it: [README.md](README.md).")
    yield ""
    if options["quick"]:
        yield "**A quick run. It shows that everything works. Its numbers mean little.**"
        yield ""
    yield "| | |"
    yield "|---|---|"
    for name, value in run["machine"].items():
        yield f"| {name} | {value} |"
    yield f"| PostgreSQL's settings | {', '.join(f'`{name} = {value}`' for name, value in run['settings'].items())}; otherwise its defaults |"
    if run["environment"]:
        yield f"| the service's environment | {', '.join(f'`{name}={value}`' for name, value in run['environment'].items())} |"


def _thresholds(run):
    yield from ("", f"## Thresholds, at {AT} connections", "", "| | measured | required | |", "|---|---|---|---|")
    for name, measured, sign, bound, unit in thresholds(run):
        if measured is None:
            yield f"| {name} | not measured | {sign} {bound:g} {unit} | – |"
        else:
            good = measured >= bound if sign == "≥" else measured <= bound
            yield f"| {name} | {measured:.2f} {unit} | {sign} {bound:g} {unit} | {'pass' if good else '**FAIL**'} |"


def thresholds(run):
    """Yields name, measured value (None if not measured), ≥ or ≤, bound, unit."""
    def rate(operation, target, ours="service"):
        one, other = _find(run, operation, ours), _find(run, operation, target)
        return one.rate / other.rate if one and other else None

    def p50(operation):
        one, other = (_find(run, operation, target, 1) for target in ("service, to compare", "service, plain path"))
        return one.p50 / other.p50 if one and other else None

    for operation, bound in {"get": 1.15, "create": 1.3, "list": 0.65}.items():
        yield f"{operation}, rate to pgbench's", rate(operation, "pgbench"), "≥", bound, "×"
    for operation, bound in {"get": 4, "create": 3.5, "list": 2.5}.items():
        yield f"{operation}, rate to Fastify's", rate(operation, "fastify", peers.OURS), "≥", bound, "×"
    for operation in ("get", "create"):
        yield f"{operation}, p50 at 1 connection to the plain path's", p50(operation), "≤", 1.15, "×"
    for operation in NAMES:
        one = _find(run, operation, "service")
        yield f"{operation}, p99 to p50", one.p99 / one.p50 if one else None, "≤", 4, "×"
    for row in run["growth"] or [{"rows": 5_000_000, "pages": []}]:
        if row["rows"] >= 1_000_000:
            pages = row["pages"]
            yield f"p50 of page 5,000 to page 1's, {row['rows']:,} rows", pages[1].p50 / pages[0].p50 if len(pages) > 1 else None, "≤", 1.5, "×"
    yield "resident memory of the service, at most", run["memory_mb"], "≤", 250, "MB"
    yield "ready after the process start", run["ready_s"], "≤", 1.5, "s"


def _tables(run):
    for operation, name in NAMES.items():
        results = [result for result in run["results"] if result.operation == operation and "," not in result.target]
        if not results:
            continue
        yield from ("", f"## {name}", "")
        yield "| connections | | requests/s | to pgbench's | p50 ms | p99 ms | not 2xx | CPU µs per request: service | server | memory MB |"
        yield "|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|"
        for result in results + [peer for peer in run["peers"] if peer.operation == operation]:
            base = _find(run, operation, "pgbench", result.connections)
            cost = [f"{result.service_us:,.0f}" if result.service_us else "–", f"{result.server_us:,.0f}" if result.server_us else "–"]
            ratio = f"{result.rate / base.rate:.2f} ×" if base else "–"
            memory = f"{result.memory_mb:,.0f}" if result.memory_mb else "–"
            cells = [str(result.connections), result.target, f"{result.rate:,.0f}", ratio,
                     f"{_ms(result.p50)}", f"{_ms(result.p99)}", str(result.failures), *cost, memory]
            yield f"| {' | '.join(cells)} |"
    plain = [result for result in run["results"] if "," in result.target]
    if plain:
        yield from ("", "## The coalesced path and the plain path, 1 connection", "", "| | | requests/s | p50 ms | p99 ms |", "|---|---|--:|--:|--:|")
        for result in plain:
            yield f"| {result.operation} | {result.target.removeprefix('service, ')} | {result.rate:,.0f} | {_ms(result.p50)} | {_ms(result.p99)} |"


def _growth(run):
    if not run["growth"]:
        return
    yield from ("", "## How cost grows", "")
    yield "64 connections. The pages are of one user with 400,000 images (4,000 of 10,000 rows), at 1 connection."
    yield from ("", "| rows | | requests/s | p50 ms | p99 ms | not 2xx | CPU µs per request: service | server |", "|--:|---|--:|--:|--:|--:|--:|--:|")
    for row in run["growth"]:
        for one in [*row["operations"], *row["pages"]]:
            yield (f"| {row['rows']:,} | {one.operation} | {one.rate:,.0f} | {_ms(one.p50)} | {_ms(one.p99)} | {one.failures} "
                   f"| {one.service_us:,.0f} | {one.server_us:,.0f} |")


def _profile():
    """The profile, which is written by hand."""
    path = FOLDER / "profile.md"
    if path.exists():
        yield from ("", path.read_text().rstrip())


def _notes(run):
    yield from ("", "## Notes", "")
    for note in run["notes"]:
        yield f"- {note}"
