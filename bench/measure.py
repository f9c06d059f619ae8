"""One measurement: a load for some seconds, its rate and latencies, and what it cost the processes that answered it."""
import os
import re
import statistics
import subprocess
import time
from dataclasses import dataclass, field

import machine
import statements

OPERATIONS = ("get", "list", "create")


@dataclass
class Measurement:
    rate: float           # requests (pgbench: transactions) a second
    p50: float            # milliseconds
    p99: float
    failures: int         # answers that were not 2xx, and connections that broke
    service_us: float     # CPU a request
    server_us: float


@dataclass
class Result:
    """The medians of the repetitions, and the sum of their failures."""
    operation: str
    target: str
    connections: int
    repetitions: list = field(default_factory=list)

    def __getattr__(self, name):
        if name not in Measurement.__dataclass_fields__:
            raise AttributeError(name)
        values = [getattr(one, name) for one in self.repetitions]
        return sum(values) if name == "failures" else statistics.median(values)

    def spread(self):
        return min(one.rate for one in self.repetitions), max(one.rate for one in self.repetitions)


class Bench:
    """Loads on one server; each is warmed before it is measured."""

    def __init__(self, work, database, seconds):
        self.work, self.database, self.seconds = work, database, seconds
        self.warm = 1 if seconds <= 2 else 2
        (work / "ids").write_text("\n".join(database.live_ids()) + "\n")
        self.environment = {**os.environ, "LOAD": str(machine.ROOT / "bench" / "load"), "IDS": str(work / "ids"),
                            "PROMPT": statements.PROMPT, "METADATA": statements.METADATA}

    def pgbench(self, operation, connections, seconds=None):
        seconds = seconds or self.seconds
        for old in self.work.glob("pgbench_log.*"):
            old.unlink()
        script = self.work / "pgbench.sql"
        script.write_text(statements.pgbench_script(operation))
        variables = {**statements.VARIABLES, "users": self.database.users, "images": self.database.live}
        output = self.work / "pgbench.out"
        with open(output, "w") as file:
            process = machine.start(
                [self.database.programs / "pgbench", "-n", "-M", "prepared", "-c", connections, "-j", min(2, connections),
                 "-T", self.warm + seconds + 1 + connections // 16,   # more, because it may not report its last second, and connecting takes time
                 "-P", 1, "-f", script,
                 "-l", "--sampling-rate=0.2",   # a full log would cost pgbench 2 or 3 % of its rate
                 *(part for name, value in variables.items() for part in ("-D", f"{name}={value}"))],
                env=self.database.environment, cwd=self.work, stdout=file, stderr=file)
        while output.read_text().count("progress: ") < self.warm and process.poll() is None:   # one a second, once all are connected
            time.sleep(0.02)
        cost = self._cost(process, None, seconds)
        self._end(process)
        text = output.read_text()
        rates = [float(rate) for rate in re.findall(r"progress: .*? s, ([\d.]+) tps", text)][self.warm:self.warm + seconds]
        if process.returncode != 0 or not rates:
            raise SystemExit(f"bench: pgbench {operation} failed\n{text[-2000:]}")
        rate = max(statistics.mean(rates), 1)
        failed = re.search(r"number of failed transactions: (\d+)", text)
        times = self._pgbench_times()
        return Measurement(rate, _percentile(times, 50), _percentile(times, 99), int(failed[1]) if failed else 0, 0, cost[1] / rate)

    def _pgbench_times(self):
        """Milliseconds, rising, without those of the warm-up. A log line: client, number, µs, script, and when it ended, in s and µs."""
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

    def warm_up(self, service):
        """The compiler optimizes what runs often, and a new service has run nothing."""
        for operation in OPERATIONS:
            self._wrk(operation, 64, service, 2 * self.warm)

    def _wrk(self, operation, connections, service, seconds):
        environment = {**self.environment, "USERS": str(self.database.users)}
        script = machine.ROOT / "bench" / "load" / f"{operation}.lua"
        process = machine.start(
            ["wrk", "-t1", "-c", connections, "-d", f"{seconds}s", "--timeout", "10s", "-s", script, service.url],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        _wait(process, 0.2)   # until it has read the ids and is connected
        cost = self._cost(process, service, seconds)
        output = self._end(process)
        line = re.search(r"^result .*", output, re.MULTILINE)
        if not line:
            raise SystemExit(f"bench: wrk {operation} failed\n{output[-2000:]}")
        result = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line[0])}
        rate = result["requests"] * 1e6 / result["us"]
        return Measurement(
            rate, result["p50"] / 1000, result["p99"] / 1000, result["non_2xx"] + result["broken"], *(each / max(rate, 1) for each in cost))

    def _cost(self, process, service, seconds):
        """CPU µs a second of the service and of the server, in the middle of the measured time."""
        def now():
            return (time.monotonic(), machine.cpu_seconds(service.process.pid) if service else 0, machine.cpu_seconds(self.database.process.pid))

        start = now()
        _wait(process, seconds * 0.7)
        end = now()
        elapsed = end[0] - start[0]
        return [(after - before) / elapsed * 1e6 for before, after in zip(start[1:], end[1:])]

    def _end(self, process):
        try:
            return process.communicate(timeout=self.seconds + self.warm + 60)[0]
        finally:
            machine.stop(process)


def _wait(process, seconds):
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass


def _percentile(ordered, percent):
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else 0.0
