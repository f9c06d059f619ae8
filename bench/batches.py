"""1,000 saves in one call: against the same statement in pgbench, against single saves, and what memory they take. Part of bench/run --batches."""
import http.client
import json
import statistics
import time
import uuid

import machine
import statements

ITEMS = 1000


def run(bench, service, repetitions):
    """Rows a second of each way, measured in turn; and the growth of the service's resident memory in MB."""
    _calls(bench, service, bench.warm)
    before = machine.memory_mb(service.process.pid)
    rates = {"batch": [], "statement": [], "single": []}
    peak = before
    for _ in range(repetitions):
        rate, memory = _calls(bench, service, bench.seconds)
        rates["batch"].append(rate)
        peak = max(peak, memory)
        rates["statement"].append(bench.pgbench("batch", 1).rate * ITEMS)
        rates["single"].append(bench.service("create", 64, service).rate)
    result = {name: statistics.median(values) for name, values in rates.items()}
    machine.say(f"batches: {result['batch']:,.0f} rows/s in calls of {ITEMS:,}, {result['statement']:,.0f} by the statement, "
                f"{result['single']:,.0f} by single saves; resident memory +{peak - before:.0f} MB")
    return {**result, "memory_mb": peak - before}


def _calls(bench, service, seconds):
    """Saves new images call by call. Bodies are made before the clock runs, because Python would be what is measured."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    rows, elapsed, memory = 0, 0.0, 0
    while elapsed < seconds:
        body = json.dumps({"items": [_item(bench.database.users, n) for n in range(ITEMS)]})
        began = time.monotonic()
        connection.request("POST", "/v1/gallery/batch/save/", body, {"Content-Type": "application/json"})
        answer = connection.getresponse().read()
        elapsed += time.monotonic() - began
        answer = json.loads(answer)
        if answer.get("counts", {}).get("created") != ITEMS:
            raise SystemExit(f"bench: a batch answers {str(answer)[:500]}")
        rows += ITEMS
        memory = max(memory, machine.memory_mb(service.process.pid))
    connection.close()
    return rows / elapsed, memory


def _item(users, number):
    return {"user_id": f"user{number % users}", "image_url": f"https://res.cloudinary.com/demo/image/upload/{uuid.uuid4()}.jpg",
            "refined_prompt": statements.PROMPT, "intent": "generate", "metadata": json.loads(statements.METADATA)}
