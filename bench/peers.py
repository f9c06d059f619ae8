"""Other services for the same job, on the same server. Their own script puts load on them."""
import re
from pathlib import Path

import machine
import measure
import server
import statements

OPERATIONS = {"get": "get", "list": "list", "post": "create"}
UNITS = {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}
OURS = "gallery"   # this service, measured before and after each round of the peers, because a machine's speed changes within minutes


def run(folder, bench, service, rows, repetitions, notes, connections=64):
    """Runs the folder's program "run" with seconds and rows. It prints: peer operation connections requests/s p50 p99 non-2xx."""
    database, seconds = bench.database, bench.seconds
    environment = {
        **database.environment, "CONNECTIONS": str(connections),
        "SUPABASE_DB_HOST": "127.0.0.1", "SUPABASE_DB_PORT": str(database.port), "SUPABASE_DB_NAME": server.DATABASE,
        "SUPABASE_DB_USER": server.USER, "SUPABASE_DB_PASSWORD": database.password,
    }
    results = {(OURS, operation): measure.Result(operation, OURS, connections) for operation in OPERATIONS.values()}

    def measure_ours():
        database.load(rows, database.users, statements.PROMPT)   # the peers reload their tables too
        for operation in OPERATIONS.values():
            ours = results[OURS, operation].repetitions
            ours.append(bench.service(operation, connections, service))
            machine.say(f"  {OURS} {operation}: {ours[-1].rate:,.0f}/s")

    measure_ours()
    for repetition in range(repetitions):
        machine.say(f"peers, repetition {repetition + 1}")
        for line in machine.run([Path(folder).resolve() / "run", seconds, rows], 900 + 12 * seconds, env=environment).splitlines():
            try:
                peer, operation, _, rate, p50, p99, failures = line.split()
            except ValueError:   # no rate, because the peer did not answer
                notes.append(f"A peer was not measured: {line}")
                continue
            key = (peer, OPERATIONS[operation])
            result = results.setdefault(key, measure.Result(key[1], peer, connections))
            result.repetitions.append(measure.Measurement(float(rate), _milliseconds(p50), _milliseconds(p99), int(failures), 0, 0))
            machine.say("  " + line)
        measure_ours()
    return list(results.values())


def _milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()
    return float(number) * UNITS[unit]
