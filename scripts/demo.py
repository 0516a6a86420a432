"""`make demo`: a server in the background with its data in ./joey-data, and the quickstart on it.

usage: demo.py start | stop
"""

import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / "joey-data"
PID_FILE = DATA / "demo.pid"
READY_FILE = DATA / "demo.ready"
LOG_FILE = DATA / "demo.log"
CREDENTIALS = DATA / "demo-credentials.json"
BINARY = ROOT / "build/release/joey"
USER = "demo@example.com"
DEFAULT_PORT = 8080


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def running():
    """Process id of the demo's server, if it runs; a number that another process has now is no match."""
    try:
        pid = int(PID_FILE.read_text())
    except (OSError, ValueError):
        return None
    return pid if os.fsencode(DATA) in command_line(pid) else None


def port():
    """The default port if it is free, else 0: any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", DEFAULT_PORT))
        except OSError:
            return 0
    return DEFAULT_PORT


def start_server():
    DATA.mkdir(exist_ok=True)
    READY_FILE.unlink(missing_ok=True)
    command = [BINARY, "serve", "--data", DATA, "--listen", f"127.0.0.1:{port()}"]
    with open(LOG_FILE, "ab") as log:
        server = subprocess.Popen(
            [*command, "--ready-file", READY_FILE],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    PID_FILE.write_text(str(server.pid))
    while not (READY_FILE.exists() and READY_FILE.read_text().strip()):
        if server.poll() is not None:
            PID_FILE.unlink()
            sys.exit(f"joey serve ended with status {server.returncode}; its log is {LOG_FILE}")
        time.sleep(0.01)


def ensure_user():
    """The administrator of the demo, with a password that only CREDENTIALS knows."""
    if CREDENTIALS.exists():
        return json.loads(CREDENTIALS.read_text())
    DATA.mkdir(exist_ok=True)
    credentials = {"username": USER, "password": secrets.token_urlsafe(12), "email": USER}
    user = [BINARY, "user", "--data", DATA]
    known = USER in subprocess.run([*user, "list"], capture_output=True, text=True, check=True).stdout
    action = ["passwd", USER] if known else ["create", USER, "--administrator"]
    command = [*user, *action, "--password-stdin"]
    subprocess.run(command, input=credentials["password"] + "\n", text=True, check=True, capture_output=True)
    with open(os.open(CREDENTIALS, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        json.dump(credentials, file)
    return credentials


def start():
    credentials = ensure_user()
    if running() is None:
        start_server()
    url = f"http://{READY_FILE.read_text().strip()}"
    print(f"joey serve at {url}, data in {DATA.relative_to(ROOT)}/\n", flush=True)
    environment = dict(os.environ, WALLAROO_URL=url, JOEY_KEEP="1")
    environment |= {"WALLAROO_SDK_CREDENTIALS": str(CREDENTIALS), "WALLAROO_AUTH_URL": url}
    example = ROOT / "examples/quickstart.py"
    status = subprocess.run([sys.executable, example], env=environment).returncode
    if status:
        print(f"\nThe example failed. The server's log is {LOG_FILE}; `make stop` ends the server.")
        return status
    print(f"""
The server and the pipeline keep running. Sign in as {credentials["username"]} with the password
{credentials["password"]} (kept in {CREDENTIALS.relative_to(ROOT)}). What to try next:
  {url}/auth/account     the account in a browser
  WALLAROO_URL={url} .venv/bin/python     then: import wallaroo; wl = wallaroo.Client(); wl.list_pipelines()
  examples/quickstart.ipynb     the same as a notebook
  curl {url}/v1/api/openapi.json     the REST API
  make bench     Joey beside other servers
  make stop      ends the server; the data stay, `make demo` goes on with them""")
    return 0


def stop():
    pid = running()
    if pid is None:
        print("no demo server is running")
        return 0
    os.kill(pid, signal.SIGTERM)
    while running() is not None:
        time.sleep(0.02)
    PID_FILE.unlink(missing_ok=True)
    print("stopped")
    return 0


if __name__ == "__main__":
    actions = {"start": start, "stop": stop}
    if sys.argv[1:2] not in ([name] for name in actions):
        sys.exit(__doc__)
    sys.exit(actions[sys.argv[1]]())
