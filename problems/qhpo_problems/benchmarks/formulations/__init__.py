"""Formulations compared with what a practitioner would use instead."""
