"""Samplers compared: on recorded trainings, and on problems with constraints and known optima."""
