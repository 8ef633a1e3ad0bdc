"""The problem cnn-digits: convolutional networks for small images of handwritten digits.

`model` has the family of networks and how large each is, `problem` what of them is tuned.
"""
