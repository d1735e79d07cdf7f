"""For every test and every notebook, from whatever folder pytest is started: notebooks that nbval runs are compared with
what is stored, and run with the data, weights and threads that the stored numbers belong to."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "tools"))
import freshness  # noqa: E402  (tools/ is no package: its scripts are run by path)

pytest_plugins = ["nbval_compare"]
freshness.set_environment()
