"""bench/results.md: what was measured, and whether it meets each threshold."""
from pathlib import Path

import growth
import peers

PAGE = Path(__file__).parent / "results.md"
NAMES = {"get": "Get by id", "list": "List, 50 of one user", "create": "Create"}
TLS, PLAIN = "service, TLS", "service, no TLS"
AT = 64   # the connections at which the thresholds are


def write(run):
    """Returns the page; writes it unless the run is a quick one."""
    page = "\n".join([*_head(run), *_thresholds(run), *_pgbench(run), *_tables(run), *(growth.table(run["growth"]) if "growth" in run else ())]) + "\n"
    if not run["options"].quick:
        PAGE.write_text(page)
    return page


def _find(run, operation, target, connections=AT):
    """pgbench was repeated at one number of connections only: its best."""
    for result in [*run["results"], *run["peers"]]:
        if (result.operation, result.target) == (operation, target) and result.connections == (result.connections if target == "pgbench" else connections):
            return result
    return None


def _ratio(one, other):
    return one.rate / other.rate if one and other else None


def _ms(time):
    return f"{time:.3f}" if time < 1 else f"{time:.2f}"


def _head(run):
    options = run["options"]
    yield "# Benchmark results"
    yield ""
    yield "[README.md](README.md) says what each number is."
    yield from ("", "| | |", "|---|---|", f"| date | {run['date']} |")
    yield f"| options | median of {options.repetitions} × {options.seconds} s, {options.rows:,} images of {options.users:,} users |"
    for name, value in run["machine"].items():
        yield f"| {name} | {value} |"
    yield f"| PostgreSQL's settings | {', '.join(f'`{name} = {value}`' for name, value in run['settings'].items())} |"
    if run["environment"]:
        yield f"| the service's environment | {', '.join(f'`{name}={value}`' for name, value in run['environment'].items())} |"
    yield f"| warnings and errors logged | {', '.join(f'{name}: {count}' for name, count in run['logs'].items())} |"


def _thresholds(run):
    yield from ("", f"## Thresholds, at {AT} connections", "", "| | measured | asked for | |", "|---|--:|--:|---|")
    for name, measured, sign, bound, unit in thresholds(run):
        good = measured is not None and (measured >= bound if sign == "≥" else measured <= bound)
        value, verdict = ("not measured", "–") if measured is None else (f"{measured:.2f} {unit}", "pass" if good else "**FAIL**")
        yield f"| {name} | {value} | {sign} {bound:g} {unit} | {verdict} |"
    measured = _ratio(_find(run, "get", TLS), _find(run, "get", "ceiling"))
    yield f"| get, to the ceiling, TLS | {'not measured' if measured is None else f'{measured:.2f} ×'} | ≥ 0.5 × | for information |"


def thresholds(run):
    """Name, measured (None: it was not), ≥ or ≤, bound, unit."""
    for target in (TLS, PLAIN):
        variant = target.removeprefix("service, ")
        for operation, bound in {"get": 0.7, "list": 0.6, "create": 1.5}.items():
            yield f"{operation}, to pgbench's best, {variant}", _ratio(_find(run, operation, target), _find(run, operation, "pgbench")), "≥", bound, "×"
        for operation in NAMES:
            one = _find(run, operation, target)
            yield f"{operation}, p99 to p50, {variant}", one.p99 / one.p50 if one else None, "≤", 4, "×"
    for operation, bound in {"get": 4, "create": 3.5, "list": 2}.items():
        yield f"{operation}, to Fastify's, no TLS", _ratio(_find(run, operation, peers.OURS), _find(run, operation, "fastify")), "≥", bound, "×"
    if batches := run.get("batches"):
        yield "1,000 saves in one call, rows to the statement's in pgbench", batches["batch"] / batches["statement"], "≥", 0.7, "×"
        yield "1,000 saves in one call, rows to single saves at 64 connections", batches["batch"] / batches["single"], "≥", 2, "×"
        yield "resident memory that they take", batches["memory_mb"], "≤", 64, "MB"
    if reads := run.get("statistics"):
        yield "beacons a second beside the reads", reads["beacons"], "≥", 9_900, ""
        yield "reads beside beacons, to reads alone", reads["beside"] / reads["alone"], "≥", 0.9, "×"
    yield "failed requests", sum(result.failures for result in run["results"]), "≤", 0, ""
    yield "resident memory of the service, peak", run["memory_mb"], "≤", 200, "MB"
    yield "ready after the process's start, TLS", run["ready_s"], "≤", 1.2, "s"


def _pgbench(run):
    counts = list(dict.fromkeys(result.connections for result in run["sweep"]))
    yield from ("", "## pgbench, transactions/s by connections", "")
    yield f"| | {' | '.join(map(str, counts))} |"
    yield "|---|" + "--:|" * len(counts)
    for operation, name in NAMES.items():
        if rates := [f"{result.rate:,.0f}" for result in run["sweep"] if result.operation == operation]:
            yield f"| {name} | {' | '.join(rates)} |"


def _tables(run):
    for operation, name in NAMES.items():
        results = [result for result in [*run["results"], *run["peers"]] if result.operation == operation]
        if not results:
            continue
        yield from ("", f"## {name}", "")
        yield "| connections | | requests/s | lowest – highest | to pgbench's best | p50 ms | p99 ms | not 2xx | CPU µs a request: service | server |"
        yield "|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|"
        for result in results:
            lowest, highest = result.spread()
            cost = [f"{cpu:,.0f}" if cpu else "–" for cpu in (result.service_us, result.server_us)]
            ratio = _ratio(result, _find(run, operation, "pgbench"))
            cells = [str(result.connections), result.target, f"{result.rate:,.0f}", f"{lowest:,.0f} – {highest:,.0f}", f"{ratio:.2f} ×" if ratio else "–",
                     _ms(result.p50), _ms(result.p99), str(result.failures), *cost]
            yield f"| {' | '.join(cells)} |"
