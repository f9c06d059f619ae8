"""The service as it would be deployed: published in Release, one process, its settings from the environment. The ceiling likewise."""
import http.client
import json
import os
import re
import time

import machine
import server

PROGRAMS = {"Gallery.Service": "Gallery.Service", "Gallery.Sql": "Gallery.Sql", "ceiling": "bench/ceiling.cs"}
OURS = ("GALLERY_", "SUPABASE_", "DATABASE_", "ASPNETCORE_", "OTEL_")   # a developer's own settings would change what is measured


def publish(work):
    """Builds the programs into the work folder. No build server stays behind."""
    environment = {
        **os.environ, "DOTNET_CLI_TELEMETRY_OPTOUT": "1", "DOTNET_NOLOGO": "1",
        "DOTNET_CLI_USE_MSBUILD_SERVER": "0", "MSBUILDDISABLENODEREUSE": "1", "UseSharedCompilation": "false"}
    for name, project in PROGRAMS.items():
        machine.run(["dotnet", "publish", machine.ROOT / project, "-c", "Release", "-o", work / name], 600, env=environment, cwd=machine.ROOT)


def environment(**settings):
    return {**{name: value for name, value in os.environ.items() if not name.startswith(OURS)}, **settings}


def database_settings(database, ssl_mode):
    return {
        "SUPABASE_DB_HOST": "127.0.0.1", "SUPABASE_DB_PORT": str(database.port), "SUPABASE_DB_NAME": server.DATABASE,
        "SUPABASE_DB_USER": server.USER, "SUPABASE_DB_PASSWORD": database.password, "SUPABASE_DB_SSLMODE": ssl_mode,
    }


def migrate(work, database):
    settings = environment(**database_settings(database, "disable"))
    machine.run([work / "Gallery.Sql" / "Gallery.Sql", "apply"], 120, env=settings, cwd=work)   # work has no .env


class Service:
    """A published program that listens on a port of its own."""

    def __init__(self, work, program="Gallery.Service", **settings):
        self.work, self.program, self.port = work, work / program / program, machine.free_port()
        self.url, self.log = f"http://127.0.0.1:{self.port}", work / f"service-{self.port}.log"
        self.environment = environment(**settings)

    def start(self):
        """Returns the seconds from the process's start to its first 200 of /readyz."""
        with open(self.log, "ab") as log:
            began = time.monotonic()
            self.process = machine.start([self.program, "--urls", self.url], env=self.environment, cwd=self.work, stdout=log, stderr=log)
        while time.monotonic() - began < 30 and self.process.poll() is None:
            try:
                if self.request("/readyz")[0] == 200:
                    return time.monotonic() - began
            except OSError:
                pass
            time.sleep(0.005)
        raise SystemExit(f"bench: {self.program.name} did not get ready\n{self.log.read_text()[-2000:]}")

    def stop(self):
        machine.stop(self.process)

    def request(self, path):
        """Status and body, on a new connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def get(self, path):
        """The body of a 200, as bytes and parsed."""
        status, body = self.request(path)
        if status != 200:
            raise SystemExit(f"bench: {path} answers {status}\n{body[:2000]}")
        return body, json.loads(body)

    def complaints(self):
        """The lines of its log of level warning or worse."""
        return [line for line in self.log.read_text(errors="replace").splitlines() if re.search(r"\b(warn|fail|crit): |[Uu]nhandled exception", line)]
