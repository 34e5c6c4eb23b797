"""Reproductions and measurements: one script for each table or figure."""
