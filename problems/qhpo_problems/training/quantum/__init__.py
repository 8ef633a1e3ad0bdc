"""Small quantum circuits as differentiable parts of torch models, simulated exactly.

`statevector` has the gates, `kernel` the similarity of inputs that two circuits encode,
`variational` a circuit with weights; `pennylane_twin` builds the same circuits on PennyLane. All
need torch and none is imported here.
"""
