"""Adapters between qhpo and other frameworks."""
