# SPDX-License-Identifier: Apache-2.0
"""Makes the packages of perf/ importable."""

import os
import sys

sys.path.insert(
    0, f"{os.path.dirname(os.path.realpath(__file__))}/../../perf")
