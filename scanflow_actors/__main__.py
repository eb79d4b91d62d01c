"""`python -m scanflow_actors`, the same as `scanflow`."""

import sys

from scanflow_actors.cli import main

sys.exit(main())
