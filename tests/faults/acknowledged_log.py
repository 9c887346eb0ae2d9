"""A process that writes what it is told to the end of a file, and to the disk. It outlives whoever tells it.

`python acknowledged_log.py FILE`, lines on its standard input.
"""

import os
import sys

if __name__ == "__main__":
    descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    while told := os.read(0, 1 << 16):
        while told:
            told = told[os.write(descriptor, told) :]
        os.fsync(descriptor)
