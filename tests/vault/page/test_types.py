"""The page's scripts keep to the types that they name."""

import subprocess
from pathlib import Path

import pytest

from vault.page.built import checker, needs_node, with_types


@needs_node
@pytest.mark.skipif(not checker().exists(), reason="the checker of types is not installed: `make page` does it, with npm")
def test_the_scripts_keep_to_their_types(tmp_path: Path) -> None:
    folder = with_types(tmp_path / "page")
    done = subprocess.run(["node", checker(), "-p", folder], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
