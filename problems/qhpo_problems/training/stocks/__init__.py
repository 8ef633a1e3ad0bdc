"""The problem rnn-stocks: recurrent networks that forecast next month's prices of shares.

`data` has the prices and who learns from which of them, `forecaster` the networks that are trained
side by side, `problem` what is tuned.
"""
