try:
    from qhpo import constraints
    from qhpo import Permutation
    from qhpo import QUBOSampler
    from qhpo import Subset
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("Please run `pip install qhpo` to use `QUBOSampler`.") from error


__all__ = ["Permutation", "QUBOSampler", "Subset", "constraints"]
