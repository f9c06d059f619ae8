"""What a save costs, and how fast lists and gets are, as the table grows. Part of bench/run --growth; docs/scaling.md reckons with it."""
import hashlib
import random
import time
import uuid

import machine
import statements

TIMES = (1, 5, 15)   # the rows of bench/run, times these
AT = 64              # connections
IDS = 200_000        # that gets ask for
WAL = "select (pg_current_wal_lsn() - '0/0')::bigint, (select wal_fpi from pg_stat_wal), pg_database_size(current_database())"


def run(bench, service, rows):
    """One row for each size."""
    return [_measure(bench, service, rows * times) for times in TIMES]


def _measure(bench, service, rows):
    database = bench.database
    began = time.monotonic()
    database.load(rows, max(1, rows // 200), statements.PROMPT)
    machine.say(f"growth: {rows:,} images loaded in {time.monotonic() - began:.0f} s")
    (bench.work / "ids").write_text("\n".join(_ids(database.live)) + "\n")
    table, indexes = map(int, database.sql("select pg_table_size('gallery.image'), pg_indexes_size('gallery.image')")[0].split("|"))
    get, listed = (bench.service(operation, AT, service) for operation in ("get", "list"))
    bench.service("create", AT, service)   # fills the caches, and writes the first full pages
    before = _counters(database)
    create = bench.service("create", AT, service)
    wal, full_pages, size = (after - earlier for earlier, after in zip(before, _counters(database)))
    saves = create.rate * (bench.seconds + bench.warm)   # its warm-up writes too
    database.sql(f"delete from gallery.image where image_id in (select md5(n::text)::uuid from generate_series(1, {database.live}, 50) as n)")
    began = time.monotonic()
    database.sql("vacuum gallery.image")
    result = {
        "rows": rows, "table": table / rows, "indexes": indexes / rows, "get": get.rate, "get_p99": get.p99, "list": listed.rate, "list_p99": listed.p99,
        "create": create.rate, "create_p99": create.p99, "wal": wal / saves, "full_pages": full_pages / saves, "disk": size / saves, "vacuum": time.monotonic() - began,
    }
    machine.say("growth: " + ", ".join(f"{name} {value:,.1f}" for name, value in result.items()))
    return result


def _ids(live):
    return [str(uuid.UUID(hashlib.md5(str(n).encode()).hexdigest())) for n in random.sample(range(1, live + 1), min(IDS, live))]


def _counters(database):
    return list(map(int, database.sql(WAL)[0].split("|")))


def table(results):
    """The lines of the report."""
    yield from ("", "## Growth", "", f"At {AT} connections, no TLS. Bytes and pages are of one save; vacuum removes 2 % of the images.", "")
    yield "| images | table, bytes an image | its indexes | get/s | p99 ms | list/s | p99 ms | create/s | p99 ms | WAL, bytes | full pages | disk, bytes | vacuum, s |"
    yield "|" + "--:|" * 13
    for one in results:
        yield (f"| {one['rows']:,} | {one['table']:,.0f} | {one['indexes']:,.0f} | {one['get']:,.0f} | {one['get_p99']:.1f} | {one['list']:,.0f} | {one['list_p99']:.1f} "
               f"| {one['create']:,.0f} | {one['create_p99']:.1f} | {one['wal']:,.0f} | {one['full_pages']:.2f} | {one['disk']:,.0f} | {one['vacuum']:.1f} |")
