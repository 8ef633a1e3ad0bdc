"""The problem cnn-physio: convolutional networks that know an exercise by a smartwatch's signals.

`data` has the recordings, cut into windows and split by person, `model` the family of networks and
how large each is, `problem` what of them is tuned.
"""
