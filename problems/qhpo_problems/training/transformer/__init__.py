"""The problem transformer-text: transformers that know the topic of a definition.

`text` has the definitions as tokens, `model` the family of networks and how large each is, `layers`
what they are made of, `problem` what of them is tuned.
"""
