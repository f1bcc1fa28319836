"""Tidegate: bring machine-learning models into production on evidence."""
