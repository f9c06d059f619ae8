"""Other services that do the same job, loaded by their own script on the same server."""
import re
from pathlib import Path

import machine
import measure
import service as services

OPERATIONS = {"get": "get", "list": "list", "post": "create"}
UNITS = {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}
OURS = "gallery"   # this service, measured before and after each turn of the peers, because a machine's speed changes within minutes
CONNECTIONS = 64


def run(folder, bench, service, load, rows, repetitions):
    """The folder's program "run" takes seconds and rows, and prints: peer operation connections requests/s p50 p99 non-2xx."""
    environment = {
        **bench.database.environment, **services.database_settings(bench.database, "disable"), "CONNECTIONS": str(CONNECTIONS)}
    results = {(OURS, operation): measure.Result(operation, OURS, CONNECTIONS) for operation in OPERATIONS.values()}

    def measure_ours():
        load()   # the peers load their table again, too
        for operation in OPERATIONS.values():
            ours = results[OURS, operation].repetitions
            ours.append(bench.service(operation, CONNECTIONS, service))
            machine.say(f"  {OURS} {operation}: {ours[-1].rate:,.0f}/s")

    measure_ours()
    for repetition in range(repetitions):
        machine.say(f"peers, repetition {repetition + 1}")
        for line in machine.run([Path(folder).resolve() / "run", bench.seconds, rows], 900 + 12 * bench.seconds, env=environment).splitlines():
            machine.say("  " + line)
            try:
                peer, operation, _, rate, p50, p99, failures = line.split()
            except ValueError:   # no rate, because it did not answer
                continue
            key = (peer, OPERATIONS[operation])
            result = results.setdefault(key, measure.Result(key[1], peer, CONNECTIONS))
            result.repetitions.append(measure.Measurement(float(rate), _milliseconds(p50), _milliseconds(p99), int(failures), 0, 0))
        measure_ours()
    return list(results.values())


def _milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()
    return float(number) * UNITS[unit]
