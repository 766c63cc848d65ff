# SPDX-License-Identifier: Apache-2.0
"""The benchmarking harness; perf/README.md tells how it is used."""
