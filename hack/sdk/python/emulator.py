# Copyright 2026 The acs-chat-operator authors.
# SPDX-License-Identifier: Apache-2.0

"""Starting, waiting for and ending bin/acs-emulator."""

import json
import pathlib
import subprocess
import time

BINARY = pathlib.Path(__file__).resolve().parents[3] / "bin/acs-emulator"
START_TIMEOUT = 30
STOP_TIMEOUT = 30
POLL_INTERVAL = 0.05


class Emulator:
    """An emulator on a free port, with its files in a directory of its own. It runs within a with statement."""

    def __init__(self, directory, *flags):
        directory.mkdir()
        self.ca = directory / "ca.pem"
        self.connection_string_file = directory / "connection-string"
        self.log = directory / "log"
        self.flags = flags
        self.process = None

    def __enter__(self):
        command = [
            str(BINARY),
            "--listen=127.0.0.1:0",
            f"--tls-dir={self.ca.parent}",
            f"--connection-string-file={self.connection_string_file}",
            *self.flags,
        ]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._wait()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_):
        self._end()

    def environment(self, name):
        """What service.py finds the emulator by."""
        found = {f"ACS_{name}": str(self.connection_string_file)}
        if (admin := self._admin_endpoint()) is not None:
            found[f"ACS_{name}_ADMIN"] = admin
        return found

    def _wait(self):
        """Wait until the emulator is ready, and fail as soon as it has ended."""
        deadline = time.monotonic() + START_TIMEOUT
        while not self.connection_string_file.exists():
            try:
                status = self.process.wait(POLL_INTERVAL)
                raise RuntimeError(f"acs-emulator ended with status {status}\n{self.log.read_text()}")
            except subprocess.TimeoutExpired:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"acs-emulator is not ready\n{self.log.read_text()}") from None

    def _end(self):
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _admin_endpoint(self):
        records = map(json.loads, self.log.read_text().splitlines())
        return next((r["endpoint"] for r in records if r["msg"] == "Serving admin endpoints"), None)
