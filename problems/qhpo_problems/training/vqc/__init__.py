"""The problem vqc-hybrid: classifiers of digits with a quantum circuit between classical layers.

`model` has the family and how large each member is, `layer` the circuit, `problem` what is tuned.
"""
