"""What tools/install.sh says when a step fails; nothing is installed here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = """#!/bin/sh
case "$*" in
    *version_info*) exit ${WRONG_VERSION:-0} ;;
    --version) echo "Python 3.x" ;;
    "-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
    *"uv pip install"*--system-certs*requirements.lock*) echo "$SAYS"; [ -z "$SAYS" ] ;;
    *"pip install"*uv==*) echo "cert $PIP_CERT" > cert ;;
esac
"""


@pytest.fixture
def install(tmp_path):
    """Runs the script in a folder with a space in its name, with a Python that only pretends; returns exit code and output."""
    place = tmp_path / "a folder"
    (place / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools/install.sh", place / "tools")
    (place / "tools/system.sh").write_text("exit 0\n")
    (place / "python").write_text(PYTHON)
    (place / "python").chmod(0o755)

    def run(says="", **variables):
        environment = {**os.environ, "PY": str(place / "python"), "SAYS": says, **variables}
        done = subprocess.run(["sh", "tools/install.sh"], cwd=place, env=environment, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    run.place = place
    return run


def test_one_line_a_step_and_nothing_else(install):
    code, out, err = install()
    assert (code, err) == (0, "")
    assert [line[:5] for line in out.splitlines()] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
    assert "2.6 GB to download" in out


@pytest.mark.parametrize(
    ("says", "cause"),
    [
        ("error: failed to write: No space left on device (os error 28)", "the disk is full: .venv takes 6 GB"),
        ("error: client error (Connect): invalid peer certificate: UnknownIssuer", "set SSL_CERT_FILE"),
        ("error: dns error: failed to lookup address information", "behind a proxy set HTTPS_PROXY"),
        (
            "No solution found when resolving: torch==2.11.0 has no wheels",
            "a package is not to be had for this Python (Python 3.x)",
        ),
        ("something else", "see the lines above"),
    ],
)
def test_a_failed_step_names_the_cause_below_the_tool_s_own_words(install, says, cause):
    code, out, err = install(says)
    assert code == 1
    assert out.splitlines()[-1].startswith("[3/4]")
    assert err.splitlines()[0] == says
    assert cause in err.splitlines()[-1]


def test_another_python_is_refused_before_anything_is_made(install):
    code, out, err = install(WRONG_VERSION="1")
    assert (code, out) == (1, "")
    assert "Python 3.11 to 3.13 is needed" in err
    assert not (install.place / ".venv").exists()


def test_pip_is_told_of_the_certificates_that_the_system_trusts(install, tmp_path):
    bundle = tmp_path / "trusted.crt"
    bundle.write_text("certificates")
    assert install(SSL_CERT_FILE=str(bundle), PIP_CERT="")[0] == 0
    assert (install.place / "cert").read_text() == f"cert {bundle}\n"
