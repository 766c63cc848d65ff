# SPDX-License-Identifier: Apache-2.0
"""What is measured: one module a profile, each with an object PROFILE."""
