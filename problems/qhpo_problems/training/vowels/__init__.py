"""The problem rnn-vowels: recurrent networks that know a speaker by two vowels.

`data` has the utterances, `problem` what of a network of `recurrent` is tuned.
"""
