"""The problem transformer-text: transformers that know the chapter of a disease.

`text` has names of diseases as tokens, `model` the family of networks and how large each is,
`layers` what they are made of, `problem` what of them is tuned.
"""
