"""The example app under gunicorn, on two hosts that get new code in turn."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

from tests.databases.ports import start_on_free_port

_ROOT = pathlib.Path(__file__).parents[2]

_PATIENCE = 60
"""Seconds for a host to answer, and for one to finish what it was asked."""


class Host:
    """A gunicorn with some workers, whose code is at a stage of the change."""

    def __init__(self, url: str, stage: str, workers: int) -> None:
        self.stage = stage
        self.asked = 0
        self._url = url
        self._workers = workers
        self.port = start_on_free_port(self._start)

    def _start(self, port: int) -> None:
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--workers", str(self._workers)),
                *("--bind", f"127.0.0.1:{port}", "--log-level", "warning"),
                "example_app:create_app()",
            ],
            cwd=_ROOT,
            env=environment(self._url, self.stage),
        )
        until = time.monotonic() + _PATIENCE
        while not _answers(port):
            code = self._process.poll()
            if code is not None or time.monotonic() > until:
                raise subprocess.CalledProcessError(code or 1, "gunicorn")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it when it has answered all that it was asked."""
        until = time.monotonic() + _PATIENCE
        while self.asked and time.monotonic() < until:
            time.sleep(0.01)
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(_PATIENCE)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


class Fleet:
    """Two hosts behind what shares out the requests."""

    def __init__(self, url: str, workers: int) -> None:
        self._url = url
        self._workers = workers
        self._lock = threading.Lock()
        self._hosts: list[Host] = []
        self._turn = 0

    def deploy(self, stage: str, *places: int) -> None:
        """Put code at a stage on hosts, one after the other; both by default."""
        for place in places or (0, 1):
            host = Host(self._url, stage, self._workers)
            with self._lock:
                replaced = self._hosts[place : place + 1]
                self._hosts[place : place + 1] = [host]
            for old in replaced:
                old.stop()

    def begin(self) -> Host:
        """Choose the host of the next request."""
        with self._lock:
            self._turn += 1
            host = self._hosts[self._turn % len(self._hosts)]
            host.asked += 1
            return host

    def end(self, host: Host) -> None:
        """Say that a request is answered."""
        with self._lock:
            host.asked -= 1

    def close(self) -> None:
        for host in self._hosts:
            host.stop()


def environment(url: str, stage: str) -> dict[str, str]:
    """Return the environment of a process of the app."""
    return {
        **os.environ,
        "DATABASE_URL": url,
        "FLASK_DATAMIGRATE_STAGES__bug_root_cause": stage,
        "FLASK_DATAMIGRATE_STAGE_TTL": "1",
    }


def flask(url: str, stage: str, *arguments: str) -> str:
    """Run a command of the app, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "example_app", *arguments],
        cwd=_ROOT,
        env=environment(url, stage),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        raise RuntimeError(f"flask {' '.join(arguments)}\n{done.stdout}")
    return done.stdout
