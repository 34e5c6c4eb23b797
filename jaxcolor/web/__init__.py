"""Servers and pages: the colorizer as a page, and the real-or-fake study.

Serves what `inference` computes; the extra `web` installs its frameworks. Only `cli`
imports it.
"""
