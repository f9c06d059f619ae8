"""What the benchmark asks of the machine: programs, processes and their cost, and a description for the results."""
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
_TICKS = os.sysconf("SC_CLK_TCK")
_started = []


def start(command, **options):
    """A process that stop_all ends. It has its own session, so that Ctrl+C in the terminal reaches this program alone."""
    process = subprocess.Popen([str(part) for part in command], start_new_session=True, stdin=subprocess.DEVNULL, **options)
    _started.append(process)
    return process


def run(command, timeout, **options):
    """A process's output, once it has ended well."""
    process = start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise SystemExit(f"bench: {Path(command[0]).name} did not end within {timeout} s") from None
    _started.remove(process)
    if process.returncode != 0:
        raise SystemExit(f"bench: {Path(command[0]).name} ended with {process.returncode}\n{output[-2000:]}{errors[-2000:]}")
    return output


def stop(process, seconds=20):
    if process.poll() is None:
        if Path(process.args[0]).name == "postgres":
            process.send_signal(signal.SIGINT)   # does not wait for its clients
        else:
            os.killpg(process.pid, signal.SIGTERM)   # a script's own processes too
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process in _started:
        _started.remove(process)


def stop_all():
    """The latest first: loads, then services, then the server."""
    for process in reversed(list(_started)):
        stop(process)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# ── Programs

def postgres_programs():
    """The folder with initdb, postgres, psql and pgbench: GALLERY_POSTGRES_BIN, Debian's newest, or that of the PATH's initdb."""
    def candidates():
        if os.environ.get("GALLERY_POSTGRES_BIN"):
            yield Path(os.environ["GALLERY_POSTGRES_BIN"])
        yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: -float(folder.parent.name))
        if shutil.which("initdb"):
            yield Path(shutil.which("initdb")).resolve().parent

    for folder in candidates():
        if all((folder / name).exists() for name in ("initdb", "postgres", "psql", "pgbench")):
            return folder
    return None


def require_programs():
    """Installs wrk and PostgreSQL by apt where they are missing; returns PostgreSQL's folder."""
    if not shutil.which("dotnet"):
        raise SystemExit("bench: the .NET SDK 10 is needed: https://dotnet.microsoft.com/download")
    for name in ("wrk", "openssl"):
        if not shutil.which(name):
            _install(name)
    if not postgres_programs():
        _install("postgresql-common")
        with open("/etc/postgresql-common/createcluster.conf", "a") as settings:   # programs only, no server that starts by itself
            settings.write("create_main_cluster = false\n")
        _install("postgresql")
    return postgres_programs() or exit("bench: initdb, postgres, psql and pgbench are not in one folder; set GALLERY_POSTGRES_BIN")


def _install(package):
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise SystemExit(f"bench: {package} is missing; install it, or run this as root on Debian")
    say(f"installing {package}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update"], 300, env=environment)
    run(["apt-get", "install", "-y", "--no-install-recommends", package], 600, env=environment)


def unprivileged():
    """Popen's options for a program that refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = {user.pw_name for user in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


# ── Cost

def children(pid):
    """The processes whose parent this is."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = _stat(entry)
            if fields and int(fields[1]) == pid:
                found.append(int(entry))
    return found


def cpu_seconds(pid):
    """Of a process and its children, those that have ended (and were waited for) too."""
    total = _ticks(pid, ended_children=True)
    for child in children(pid):
        total += _ticks(child, ended_children=False)
    return total / _TICKS


def peak_memory_mb(pid):
    """The most that was ever resident; where the kernel does not count it, what is now."""
    return int(re.search(r"Vm(?:HWM|RSS):\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def memory_mb(pid):
    """What is resident now."""
    return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def _stat(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()   # the name may hold spaces and parentheses
    except (FileNotFoundError, ProcessLookupError):
        return None


def _ticks(pid, ended_children):
    fields = _stat(pid)
    return sum(map(int, fields[11:15 if ended_children else 13])) if fields else 0


# ── Words

def say(text):
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def describe(postgres, folder):
    """Machine and versions, for the head of the results."""
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    distribution = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text())
    wrk = subprocess.run(["wrk", "-v"], capture_output=True, text=True).stdout.split()[1]
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    return {
        "processor": f"{cpu[1].strip() if cpu else 'unknown'}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GB",
        "system": f"{distribution[1] if distribution else 'Linux'}, Linux {os.uname().release}, data on {_file_system(folder)}",
        "load average at the start": f"{os.getloadavg()[0]:.2f}",
        ".NET SDK": run(["dotnet", "--version"], 60).strip(),
        "PostgreSQL": run([postgres / "postgres", "--version"], 10).strip().removeprefix("postgres (PostgreSQL) "),
        "wrk": wrk,
        "Gallery": commit or "unknown",
    }


def _file_system(folder):
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    over = [(point, kind) for point, kind in mounts if Path(folder).resolve().is_relative_to(point)]
    return max(over, key=lambda mount: len(mount[0]))[1]
