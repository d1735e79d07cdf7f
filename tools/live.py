"""The Jupyter server that runs the code of live slides; `make present LIVE=1` starts it.

    JUPYTER_TOKEN=… python tools/live.py 8888 http://127.0.0.1:1313

It listens on 127.0.0.1 alone, serves nbs/, and answers only who brings the token and, from a browser, comes from
that origin.
"""

import os
import sys
from pathlib import Path

from jupyter_server.auth.identity import IdentityProvider
from jupyter_server.serverapp import ServerApp
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent


class BothTokenAndOrigin(IdentityProvider):
    """Jupyter's own provider asks no origin of who brings the token; a page of another site could use a leaked one."""

    def should_check_origin(self, handler):
        return True


def main(port, origin):
    # The presenter's own configuration may open what is closed here.
    os.environ["JUPYTER_NO_CONFIG"] = "1"
    config = Config()
    config.ServerApp.update(
        ip="127.0.0.1", port=int(port), port_retries=0, allow_origin=origin, open_browser=False, allow_root=True,
        root_dir=str(ROOT / "nbs"), identity_provider_class=BothTokenAndOrigin, terminals_enabled=False,
        websocket_ping_interval=10_000)
    ServerApp.launch_instance(argv=[], config=config)


if __name__ == "__main__":
    main(*sys.argv[1:])
