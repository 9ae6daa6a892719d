"""The account a throwaway server runs under: database servers refuse to be root."""

from __future__ import annotations

import os
import pathlib
import pwd
import subprocess
import typing as t

from .unavailable import Unavailable

Command = t.Sequence[str | pathlib.Path]


class Account:
    """This process's own account or, when that is root, a lesser one.

    :param names: the accounts to take instead of root, the best one first.
    :raises Unavailable: when none of them exists.
    """

    def __init__(self, *names: str) -> None:
        self._identity = _lesser(names) if os.geteuid() == 0 else None

    def own(self, path: pathlib.Path) -> None:
        """Make a directory that belongs to the account."""
        path.mkdir()
        if self._identity is not None:
            os.chown(path, self._identity.pw_uid, self._identity.pw_gid)

    def popen(
        self, argv: Command, cwd: pathlib.Path, *, stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """Start a program as the account, its output on our standard error.

        :param cwd: a directory the account can read.
        """
        # Nothing that points the program at somebody's real server is passed on.
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
        options: dict[str, t.Any] = {}
        if self._identity is not None:
            options = {
                "user": self._identity.pw_uid,
                "group": self._identity.pw_gid,
                "extra_groups": [],
            }
        return subprocess.Popen(
            argv,
            cwd=cwd,
            env=environment,
            stdin=stdin,
            # What is typed at the terminal of a test run is not for it.
            start_new_session=True,
            stdout=2,
            **options,
        )

    def run(self, argv: Command, cwd: pathlib.Path) -> None:
        """Run a program as the account.

        :raises subprocess.CalledProcessError: when it fails.
        """
        code = self.popen(argv, cwd).wait()
        if code:
            raise subprocess.CalledProcessError(code, [str(word) for word in argv])


def _lesser(names: t.Iterable[str]) -> pwd.struct_passwd:
    for name in names:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Unavailable(f"a server cannot run as root, and there is no {names}")
