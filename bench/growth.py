"""How cost grows with rows: the same requests at 10 thousand, 1 million and 5 million rows, and page 5,000 compared with page 1."""
import measure
import statements
from machine import say

ROWS = (10_000, 1_000_000, 5_000_000)
OPERATIONS = ("get", "list", "create")
CONNECTIONS = 64
PAGE, PAGES, MAX_LIMIT = 50, 5_000, 200


def run(bench, service, database, repetitions):
    """One entry per table size: the medians of each operation, and of the two pages of the user with 400,000 images."""
    table = []
    for rows in ROWS:
        say(f"growth: loading {rows:,} rows")
        database.load(rows, 1000 if rows >= 200_000 else rows // 200, statements.PROMPT, collector=True)
        row = {"rows": rows, "operations": [], "pages": []}
        far = _path_of_page(service, PAGES) if rows >= 1_000_000 else None
        for operation, path in (("page 1", _path()), (f"page {PAGES:,}", far)):
            if path:
                row["pages"].append(_repeat(operation, 1, repetitions, lambda path=path: bench.page(path, 1, service)))
        for operation in OPERATIONS:
            row["operations"].append(
                _repeat(operation, CONNECTIONS, repetitions, lambda operation=operation: bench.service(operation, CONNECTIONS, service)))
        table.append(row)
    return table


def _repeat(operation, connections, repetitions, measurement):
    result = measure.Result(operation, "service", connections, [measurement() for _ in range(repetitions)])
    say(f"growth: {operation}, {connections} connections: {result.rate:,.0f}/s, p50 {result.p50:.2f} ms, p99 {result.p99:.2f} ms")
    return result


def _path(limit=PAGE, cursor=None):
    return f"/v1/gallery/?user_id=collector&limit={limit}" + (f"&cursor={cursor}" if cursor else "")


def _path_of_page(service, page):
    """Walks there with the largest pages: a cursor does not depend on the size of the pages before it."""
    before, cursor = (page - 1) * PAGE, None
    while before > 0:
        limit = min(before, MAX_LIMIT)
        status, body = service.request("GET", _path(limit, cursor))
        if status != 200 or len(body["data"]) != limit:
            raise SystemExit(f"bench: page {page} was not reached: status {status} with {before} images left")
        before, cursor = before - limit, body["pagination"]["next_cursor"]
    return _path(PAGE, cursor)
