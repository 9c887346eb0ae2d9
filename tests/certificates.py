"""Certificates for a test, made by openssl as an operator would."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.redis_server import ALL_IS_THERE

OPENSSL_SECONDS_MAX = 20.0


def a_certificate(directory: Path, name: str = "certificate", *, passphrase: str | None = None) -> tuple[Path, Path]:
    """A key of its own and the certificate that it signed itself, for 127.0.0.1. Skips the test where openssl lacks."""
    if shutil.which("openssl") is None:
        if os.environ.get(ALL_IS_THERE):
            pytest.fail("openssl is missing")
        pytest.skip("this machine has no openssl")
    key, certificate = directory / f"{name}-key.pem", directory / f"{name}.pem"
    words = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2 -subj /CN=localhost"
    subprocess.run(
        [
            "openssl",
            "req",
            *words.split(),
            *(["-nodes"] if passphrase is None else ["-passout", f"pass:{passphrase}"]),
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            key,
            "-out",
            certificate,
        ],
        check=True,
        capture_output=True,
        timeout=OPENSSL_SECONDS_MAX,
    )
    return key, certificate
