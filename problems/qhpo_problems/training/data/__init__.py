"""The data that problems learn from, each with a split by a seed or by time.

`digits` (images), `exercises` (signals of a smartwatch), `vowels` (speech), `text` (names of
diseases), `stocks` (prices), and `chaos` (trajectories of `systems`).
`shapes` says what a network sees of them, without loading anything.
"""
