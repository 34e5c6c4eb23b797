"""Trains from photographs that all fit in the memory of one device."""
