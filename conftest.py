"""Settings of the whole test suite."""

import os

# One thread per process: sums do not depend on the machine, and parallel workers do not fight.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("MPLBACKEND", "Agg")
