"""Settings of every test, and the package as it is shipped."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is not a failure.
settings.register_profile("fleawatch", deadline=None)
settings.load_profile("fleawatch")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session", name="wheel")
def _wheel(tmp_path_factory):
    """The wheel, built with what the environment was made from and without the network."""
    into = tmp_path_factory.mktemp("wheel")
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run(
        [uv, "build", "--wheel", "--offline", "--quiet", "--out-dir", into, ROOT],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (built,) = into.glob("*.whl")
    return built
