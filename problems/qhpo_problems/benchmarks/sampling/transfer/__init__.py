"""Samplers that know finished studies of other data sets."""
