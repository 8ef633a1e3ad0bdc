"""Samplers with pruners, on tables of learning curves."""
