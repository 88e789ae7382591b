"""Reads a checked-out repository and says what stands in the way; runs nothing of it."""
