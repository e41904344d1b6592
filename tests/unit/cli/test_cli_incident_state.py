"""Where `fleawatch demo --incident` may leave its store."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from fleawatch.cli.root import cli


@pytest.mark.parametrize("place", ["fleawatch.db", "drain/fleawatch.db"])
def test_a_store_of_an_earlier_run_is_not_played_into(tmp_path, place):
    """Exit 2 before anything is played: a store of two runs replays to neither."""
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_bytes(b"")
    done = CliRunner().invoke(cli, ["demo", "--incident", "drain", "--state", str(tmp_path)])
    assert done.exit_code == 2
    assert "is there already" in done.output
    assert (tmp_path / place).read_bytes() == b""
