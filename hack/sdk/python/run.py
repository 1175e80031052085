# Copyright 2026 The acs-chat-operator authors.
# SPDX-License-Identifier: Apache-2.0

"""Runs Microsoft's SDK for Python, unchanged, against bin/acs-emulator: make test-sdk-python."""

import contextlib
import importlib.metadata
import os
import pathlib
import platform
import signal
import sys
import tempfile
import unittest

from emulator import Emulator

HERE = pathlib.Path(__file__).resolve().parent
TRIED = {
    "azure-communication-chat": "1.2.0",
    "azure-communication-identity": "1.3.2",
    "azure-core": "1.26.3",
}
INTERRUPTED = 130

EMULATORS = {
    # No quotas, so that a test is as fast as it can be, and steered over its admin endpoints.
    "FREE": ["--quotas=off", "--admin-listen=127.0.0.1:0"],
    # The quotas of the service.
    "STRICT": ["--quotas=on"],
    # Answers as the specification, and not the service, has them.
    "SPECIFIED": ["--quotas=off", "--with-kind", "--spec-errors"],
}


def main():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    print("\nMicrosoft's SDK for Python against the emulator\n")
    print(versions(), end="\n\n", flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix="acs-sdk-") as directory, contextlib.ExitStack() as running:
            start(pathlib.Path(directory), running)
            return status(run())
    except KeyboardInterrupt:
        print("\nInterrupted.")
        return INTERRUPTED


def versions():
    """What is tested, which is not always what the tests were written for."""
    found = {package: importlib.metadata.version(package) for package in TRIED}
    lines = [f"Python {platform.python_version()}", *(f"{name} {version}" for name, version in found.items())]
    if found != TRIED:
        lines.append(f"The tests were written for {', '.join(' '.join(pair) for pair in TRIED.items())}.")
    return "\n".join(lines)


def start(directory, running):
    """Start the emulators, and make known to the tests and to the SDK where they are and whom to trust."""
    authorities = []
    for name, flags in EMULATORS.items():
        emulator = running.enter_context(Emulator(directory / name.lower(), *flags))
        authorities.append(emulator.ca.read_text())
        os.environ.update(emulator.environment(name))
    bundle = directory / "ca.pem"
    bundle.write_text("\n".join(authorities))
    os.environ["REQUESTS_CA_BUNDLE"] = str(bundle)
    # The SDK would use a proxy of the caller's otherwise.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"


def run():
    tests = unittest.defaultTestLoader.discover(str(HERE), top_level_dir=str(HERE))
    return unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(tests)


def status(result):
    """A suite that ran nothing, or left something out, has failed."""
    if result.testsRun == 0:
        print("No test ran.")
        return 1
    if result.skipped or result.expectedFailures:
        print("Tests were skipped, or were expected to fail.")
        return 1
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
