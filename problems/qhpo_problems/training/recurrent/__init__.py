"""Recurrent networks for sequences of several lengths, which `vowels` and `stocks` tune.

`model` has the family and how large each member is, without torch; `network` builds it.
"""
