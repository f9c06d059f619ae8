"""The service as deployed: published in Release, one process, with settings from the environment."""
import http.client
import json
import os
import re
import time

import machine
import server

PROJECTS = {"service": "Gallery.Service", "migrator": "Gallery.Sql"}


def publish(work):
    """Publishes both programs into the work folder. Leaves no build server running."""
    environment = {**os.environ, "DOTNET_CLI_TELEMETRY_OPTOUT": "1", "DOTNET_NOLOGO": "1", "DOTNET_CLI_USE_MSBUILD_SERVER": "0"}
    for name, project in PROJECTS.items():
        machine.run(
            ["dotnet", "publish", machine.ROOT / project, "-c", "Release", "-o", work / name, "-nodeReuse:false", "-p:UseSharedCompilation=false"],
            600, env=environment, cwd=machine.ROOT)


def environment(database, **settings):
    own = {
        "SUPABASE_DB_HOST": "127.0.0.1", "SUPABASE_DB_PORT": str(database.port), "SUPABASE_DB_NAME": server.DATABASE,
        "SUPABASE_DB_USER": server.USER, "SUPABASE_DB_PASSWORD": database.password, "SUPABASE_DB_SSLMODE": "disable",
    }
    others = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "GALLERY_POOLER")}
    return {**others, **own, **settings}


def migrate(work, database):
    machine.run([work / "migrator" / "Gallery.Sql", "apply"], 120, env=environment(database), cwd=work)   # work has no .env


class Service:
    def __init__(self, work, database, **settings):
        self.work, self.port = work, machine.free_port()
        self.url, self.log = f"http://127.0.0.1:{self.port}", work / f"service-{self.port}.log"
        self.environment = environment(database, **settings)

    def start(self):
        """Returns the seconds from the start of the process to the first 200 from /readyz."""
        with open(self.log, "ab") as log:
            began = time.monotonic()
            self.process = machine.start(
                [self.work / "service" / "Gallery.Service", "--urls", self.url], env=self.environment, cwd=self.work, stdout=log, stderr=log)
        while time.monotonic() - began < 30 and self.process.poll() is None:
            try:
                if self.request("GET", "/readyz")[0] == 200:
                    return time.monotonic() - began
            except OSError:
                time.sleep(0.005)
        raise SystemExit(f"bench: the service did not become ready\n{self.log.read_text()[-2000:]}")

    def stop(self):
        machine.stop(self.process)

    def request(self, method, path, body=None):
        """Sends a request on a new connection. Returns the status and the parsed body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def complaints(self):
        """The log's lines of level warning or above."""
        return [line for line in self.log.read_text(errors="replace").splitlines() if re.search(r"\b(warn|fail|crit): |[Uu]nhandled exception", line)]
