"""Plots: tables and images of any revision, as one page for the browser, as files, and as text."""
