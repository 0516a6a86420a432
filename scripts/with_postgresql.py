"""Runs a command with a PostgreSQL server of its own, whose URL is in JOEY_TEST_METADATA.

usage: with_postgresql.py COMMAND [ARGUMENT …]; the exit status is the command's.
"""

import contextlib
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import tempfile

# PostgreSQL refuses to run as root.
USERS = ("postgres", "nobody")
USER = "joey"


def programs():
    """The folder of initdb and postgres: the newest of Debian's, or where the path leads."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[4]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    if initdb is None:
        raise FileNotFoundError("there is no initdb: install Debian's package postgresql")
    return pathlib.Path(initdb).resolve().parent


def other_user():
    """What makes a child another user, when this is root."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = next(known[name] for name in USERS if name in known)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


class Server:
    """A cluster in a temporary folder, reached by a socket in it. Nothing of it lasts."""

    def __init__(self):
        self.bin = programs()
        self.identity = other_user()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="joey-pg-"))
        self.process = None
        if self.identity:
            os.chown(self.folder, self.identity["user"], self.identity["group"])
        command = [self.bin / "initdb", "-D", self.folder / "data", "-U", USER, "-A", "trust"]
        command += ["--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
        self._run(command)

    def _run(self, command):
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, **self.identity)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}")

    def start(self):
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "max_connections": "200",
            "shared_buffers": "32MB",
        }
        command = [self.bin / "pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "log", "start"]
        self._run([*command, "-o", " ".join(f"-c {name}='{value}'" for name, value in settings.items())])
        return self

    def stop(self):
        self._run([self.bin / "pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop"])

    def url(self, database="postgres"):
        return f"postgresql:///{database}?host={self.folder}&user={USER}"

    def create_database(self, name):
        """A new, empty database; its URL."""
        self._run([self.bin / "createdb", "-h", self.folder, "-U", USER, name])
        return self.url(name)

    def close(self):
        with contextlib.suppress(RuntimeError):
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    server = Server()
    try:
        server.start()
        environment = dict(os.environ, JOEY_TEST_METADATA=server.url())
        return subprocess.run(sys.argv[1:], env=environment).returncode
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
