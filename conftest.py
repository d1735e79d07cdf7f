"""Notebooks that nbval runs, from whatever folder pytest is started, are compared with what is stored."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "tools"))
pytest_plugins = ["nbval_compare"]
