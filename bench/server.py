"""A private PostgreSQL with fsync on, and its images."""
import os
import secrets
import subprocess
import time

import machine

SETTINGS = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "max_connections": "300",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}
DATABASE, USER = "gallery", "gallery_bench"

# An image's id is derived from its number, so that a load knows the ids. The last tenth is in the trash. The service's deletes and
# restores use the last fifth; the other images are only read. If requested, "collector" has two fifths of the first million.
LOAD = """
set synchronous_commit = off;
truncate gallery.image;
insert into gallery.image (image_id, user_id, image_url, refined_prompt, intent, metadata, created_at, updated_at, deleted_at)
select id,
       case when {collector} and n % 5 < 2 and n <= 1000000 then 'collector' else 'user' || n % {users} end,
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
            "PGCONNECT_TIMEOUT": "10",
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
        """Runs statements one by one. Returns the rows as lines, with columns separated by |."""
        path = self.data.parent / "statement.sql"
        path.write_text(text)
        return machine.run(
            [self.programs / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", path], timeout, env=self.environment).splitlines()

    def load(self, rows, users, prompt, collector=False):
        """Empties and fills the table."""
        self.rows, self.users = rows, users
        self.sql(LOAD.format(rows=rows, users=users, prompt=prompt, collector=str(collector).lower()))

    @property
    def readable(self):
        """The service's deletes do not touch images with numbers up to this one."""
        return self.rows * 8 // 10

    def live_ids(self, most=200_000):
        step = max(1, self.readable // most)
        return self.sql(f"""
            select i.image_id
            from generate_series(1, {self.readable}, {step}) as n join gallery.image as i on i.image_id = md5(n::text)::uuid
            where i.deleted_at is null""")

    def deletable_ids(self):
        """The ids in the trash and the live ids, in random order."""
        both = [[], []]
        for line in self.sql(f"""
                select i.image_id, (i.deleted_at is null)::int
                from generate_series({self.readable} + 1, {self.rows}) as n join gallery.image as i on i.image_id = md5(n::text)::uuid
                order by i.image_id"""):
            image_id, live = line.split("|")
            both[int(live)].append(image_id)
        return both

    def errors(self):
        """The log's lines with errors, and the number of cancelled statements, which are not errors."""
        lines = self.log.read_text(errors="replace").splitlines()
        errors = [line for line in lines if any(word in line for word in (" ERROR: ", " FATAL: ", " PANIC: "))]
        others = [line for line in errors if "canceling statement due to user request" not in line]
        return others, len(errors) - len(others)
