"""One measurement: a load for some seconds, its rate and latencies, and the CPU of the service and the server."""
import os
import re
import statistics
import subprocess
import time
from dataclasses import asdict, dataclass, field

import machine
import statements

OPERATIONS = {"get": "get.lua", "list": "list.lua", "trash": "list.lua", "delete": "delete.lua", "create": "create.lua"}
WRITES = ("delete", "create")   # the table is reloaded before each group of their measurements
LISTS = {"list": "/v1/gallery/", "trash": "/v1/gallery/deleted/"}


@dataclass
class Measurement:
    rate: float           # requests (pgbench: transactions) per second
    p50: float            # milliseconds
    p99: float
    failures: int         # answers other than 2xx, and broken connections
    service_us: float     # CPU per request
    server_us: float
    memory_mb: float = 0  # of the service, at the end


@dataclass
class Result:
    """Medians of the repetitions, which are kept for the JSON."""
    operation: str
    target: str
    connections: int
    repetitions: list = field(default_factory=list)

    def __getattr__(self, name):
        if name not in Measurement.__dataclass_fields__:
            raise AttributeError(name)
        values = [getattr(one, name) for one in self.repetitions]
        return sum(values) if name == "failures" else statistics.median(values)

    def as_dict(self):
        return {**asdict(self), **{name: getattr(self, name) for name in Measurement.__dataclass_fields__}}


class Bench:
    """Loads on one server. Each has a warm-up before it is measured."""

    def __init__(self, work, database, seconds):
        self.work, self.database, self.seconds = work, database, seconds
        self.warm = 1 if seconds <= 2 else 2
        self.environment = {**os.environ, "LOAD": str(machine.ROOT / "bench" / "load"), "IDS": str(work / "ids"),
                            "PROMPT": statements.PROMPT, "METADATA": statements.METADATA}

    def pgbench(self, operation, connections):
        for old in self.work.glob("pgbench_*"):
            old.unlink()
        scripts = []
        for number, text in enumerate(statements.pgbench_scripts(operation)):
            script = self.work / f"pgbench_{number}.sql"
            script.write_text(text)
            scripts += ["-f", script]
        step = self.database.readable // (connections * statements.IDS)   # spreads the clients' ids over all readable rows
        variables = {**statements.VARIABLES, "users": self.database.users, "step": step}
        output = self.work / "pgbench.out"
        with open(output, "w") as file:
            process = machine.start(
                [self.database.programs / "pgbench", "-n", "-M", "prepared", "-c", connections, "-j", min(2, connections),
                 "-T", self.warm + self.seconds + 1 + connections // 64,   # + 1: it may not report its last second; and connecting takes time
                 "-P", 1, *scripts,
                 "-l", "--sampling-rate=0.2",   # logging everything would cost pgbench 2 or 3 % of its rate
                 *(part for name, value in variables.items() for part in ("-D", f"{name}={value}"))],
                env=self.database.environment, cwd=self.work, stdout=file, stderr=file)
        while output.read_text().count("progress: ") < self.warm and process.poll() is None:   # one line per second, after all clients have connected
            time.sleep(0.02)
        cost = self._cost(process, None)
        self._end(process)
        text = output.read_text()
        rates = [float(rate) for rate in re.findall(r"progress: .*? s, ([\d.]+) tps", text)][self.warm:self.warm + self.seconds]
        if process.returncode != 0 or not rates:
            raise SystemExit(f"bench: pgbench {operation} failed\n{text[-2000:]}")
        rate = max(statistics.mean(rates), 1)
        failed = re.search(r"number of failed transactions: (\d+)", text)
        times = self._pgbench_times()
        return Measurement(rate, _percentile(times, 50), _percentile(times, 99), int(failed[1]) if failed else 0, 0, cost[1] / rate)

    def _pgbench_times(self):
        """Sorted latencies in ms, without the warm-up. A log line has: client, number, µs, script, end in s, end's fraction in µs."""
        times = []
        for log in self.work.glob("pgbench_log.*"):
            for line in log.read_text().splitlines():
                _, _, microseconds, _, second, fraction, *_ = line.split()
                times.append((int(second) + int(fraction) / 1e6, int(microseconds) / 1000))
        begin = min(times)[0] + self.warm if times else 0
        return sorted(time for end, time in times if end >= begin)

    def service(self, operation, connections, service):
        self._wrk(operation, connections, service, self.warm)
        return self._wrk(operation, connections, service, self.seconds)

    def warm_up(self, operation, connections, service):
        self._wrk(operation, connections, service, 10 * self.warm)

    def page(self, path, connections, service):
        """Repeats one GET."""
        self._wrk("page", connections, service, self.warm, path)
        return self._wrk("page", connections, service, self.seconds, path)

    def _wrk(self, operation, connections, service, seconds, path=""):
        environment = {**self.environment, "USERS": str(self.database.users), "LIST": LISTS.get(operation, "")}
        if operation == "get":
            self._write_ids(self.database.live_ids())
        elif operation == "delete":
            trashed, live = self.database.deletable_ids()
            self._write_ids(trashed + live)
            environment["TRASHED"] = str(len(trashed))
        script = machine.ROOT / "bench" / "load" / OPERATIONS.get(operation, "common.lua")
        process = machine.start(
            ["wrk", "-t1", "-c", connections, "-d", f"{seconds}s", "--timeout", "10s", "-s", script, service.url + path],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        _wait(process, 0.2)   # wrk reads the ids and connects meanwhile
        cost = self._cost(process, service)
        output = self._end(process)
        line = re.search(r"^result .*", output, re.MULTILINE)
        if not line:
            raise SystemExit(f"bench: wrk {operation} failed\n{output[-2000:]}")
        result = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line[0])}
        rate = result["requests"] * 1e6 / result["us"]
        memory = machine.memory_mb(service.process.pid)[0]
        return Measurement(
            rate, result["p50"] / 1000, result["p99"] / 1000, result["non_2xx"] + result["broken"],
            *(each / max(rate, 1) for each in cost), memory)

    def _cost(self, process, service):
        """CPU in µs per second, of the service and of the server, in the middle of the measured time."""
        def now():
            return (time.monotonic(), machine.cpu_seconds(service.process.pid) if service else 0, machine.cpu_seconds(self.database.process.pid))

        start = now()
        _wait(process, self.seconds * 0.7)
        end = now()
        elapsed = end[0] - start[0]
        return [(after - before) / elapsed * 1e6 for before, after in zip(start[1:], end[1:])]

    def _end(self, process):
        try:
            return process.communicate(timeout=self.seconds + self.warm + 60)[0]
        finally:
            machine.stop(process)

    def _write_ids(self, ids):
        (self.work / "ids").write_text("\n".join(ids) + "\n")


def _wait(process, seconds):
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass


def _percentile(ordered, percent):
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else 0.0
