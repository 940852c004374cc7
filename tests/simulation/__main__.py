"""`make simulate SEEDS=100000 FROM=0`: as many runs as wanted on every core, up to the first that finds something."""

import sys
import time
from tests.simulation.simulation import run

r = run(int(sys.argv[1]))
print(r.report() if r.problem or len(sys.argv) > 2 else f"clean {r.steps}")
