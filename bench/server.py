"""A private PostgreSQL with fsync on, and the images it is loaded with."""
import hashlib
import os
import secrets
import subprocess
import time
import uuid

import machine

SETTINGS = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "max_connections": "300",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "ssl": "on",
}
DATABASE, USER = "gallery", "gallery_bench"

# An image's id is the MD5 hash of its number, so that a load knows the ids without asking. The last tenth is in the trash.
LOAD = """
set synchronous_commit = off;
truncate gallery.image cascade;
insert into gallery.image (image_id, user_id, image_url, refined_prompt, intent, metadata, created_at, updated_at, deleted_at)
select id,
       'user' || n % {users},
       'https://res.cloudinary.com/demo/image/upload/' || id || '.jpg',
       '{prompt} number ' || n,
       'generate',
       jsonb_build_object('model', 'gemini-pro', 'generation_time', 3.5, 'session_id', gen_random_uuid()),
       now() - n * interval '1 second',
       now() - n * interval '1 second',
       case when n > {rows} * 0.9 then now() - n * interval '0.5 second' end
from (select n, md5(n::text)::uuid as id from generate_series(1, {rows}) as n) as numbers;
vacuum (analyze) gallery.image;
checkpoint;
"""


class Server:
    def __init__(self, programs, work):
        self.programs, self.data, self.log = programs, work / "data", work / "postgres.log"
        self.port, self.password = machine.free_port(), secrets.token_hex(16)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PG")},
            "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": USER, "PGDATABASE": DATABASE, "PGPASSWORD": self.password,
            "PGSSLMODE": "disable", "PGCONNECT_TIMEOUT": "10",
        }
        self.rows = self.users = 0

    def start(self):
        unprivileged = machine.unprivileged()
        self.data.mkdir(mode=0o700)
        password = self.data.parent / "password"
        password.touch(mode=0o600)
        password.write_text(self.password)
        if unprivileged:
            for path in (self.data, password):
                os.chown(path, unprivileged["user"], unprivileged["group"])
        machine.run(
            [self.programs / "initdb", "-D", self.data, "-U", USER, "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8", "--locale=C"],
            120, cwd=self.data, **unprivileged)
        password.unlink()
        machine.run(
            ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", 2, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.crt"],
            60, cwd=self.data, **unprivileged)
        settings = {**SETTINGS, "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": ""}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with open(self.log, "wb") as log:
            self.process = machine.start([self.programs / "postgres", "-D", self.data, *options], cwd=self.data, stdout=log, stderr=log, **unprivileged)
        for _ in range(300):
            if subprocess.run([self.programs / "pg_isready", "-q", "-d", "postgres"], env=self.environment).returncode == 0:
                break
            if self.process.poll() is not None:
                raise SystemExit(f"bench: PostgreSQL did not start\n{self.log.read_text()[-2000:]}")
            time.sleep(0.1)
        self.sql(f"create database {DATABASE}", database="postgres")

    def sql(self, text, database=DATABASE, timeout=1800):
        """Runs statements one by one; the rows as lines, columns parted by |."""
        path = self.data.parent / "statement.sql"
        path.write_text(text)
        return machine.run(
            [self.programs / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", path], timeout, env=self.environment).splitlines()

    def load(self, rows, users, prompt):
        """Empties the table and fills it again."""
        self.rows, self.users = rows, users
        self.sql(LOAD.format(rows=rows, users=users, prompt=prompt))

    @property
    def live(self):
        """The images with numbers up to this one are not in the trash."""
        return self.rows * 9 // 10

    def live_ids(self):
        return [str(uuid.UUID(hashlib.md5(str(n).encode()).hexdigest())) for n in range(1, self.live + 1)]

    def errors(self):
        """The errors in its log, but those of its start, and of statements that were cancelled because a load ended."""
        return [line for line in self.log.read_text(errors="replace").splitlines()
                if any(word in line for word in (" ERROR: ", " FATAL: ", " PANIC: "))
                and not any(expected in line for expected in ("system is starting up", "canceling statement due to user request"))]
