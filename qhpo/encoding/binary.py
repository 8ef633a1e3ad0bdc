"""Binary encoding: ceil(log2 L) bits say the case, and auxiliary bits are products of them.

The products follow I. G. Rosenberg, "Reduction of bivalent maximization to the quadratic case",
Cahiers du Centre d'Etudes de Recherche Operationnelle 17, 71 (1975). The first of the two codes is
the bounded-coefficient one of S. Karimi and P. Ronagh, "Practical integer-to-binary mapping for
quantum annealers", Quantum Information Processing 18, 94 (2019).

Glossary
--------
d, D, B
    Variables of the DQM; cases of all of them together; bits of the encoded model.
h, J
    Linear biases, shape (D,), and symmetric quadratic biases, shape (D, D), zero inside a block.
code
    A number from 0 to 2^m - 1, spelt by the m = ceil(log2 L) code bits of a variable of L cases;
    bit b counts 2^b. Every code stands for a case, so that all patterns of code bits are valid.
monomial
    Product of code bits of one variable, named by the code in which just these bits are ones.
y
    Monomials as bits: the code bits, and auxiliary bits for products of two or more, shape (B,).
A
    What the monomials say about the cases: "the variable takes case k" is x_k = (A y)_k, and 1
    more for code 0, the first case. Shape (D, B); a block of it is the Moebius transform over codes
    of "the code stands for k": A_kS = sum over T in S of (-1)^|S - T| [T stands for k].
P
    Penalty: P (u v - 2 u y - 2 v y + 3 y) for each auxiliary bit y that is to be the product of the
    bits u and v: 0 if it is, and at least P if not.

What it costs
-------------
A monomial becomes a bit only if some bias depends on it, or if it is a factor of such a one. Tables
without structure depend on all: L - 1 bits if L is a power of two and L if not, so that there is
nothing to gain over domain walls, which take L - 1 and fewer couplers. Bits are saved where the
tables have few monomials: those that are linear in the number of the case take the m code bits,
whatever L, and products of such tables too. Low rank alone does not help.
"""

from __future__ import annotations

import itertools
from collections.abc import Container
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from qhpo.encoding.dense import dense_bqm
from qhpo.encoding.dense_dqm import DenseDQM

__all__ = ["BinaryEncoding"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_VANISHING = 1e-12
"""Coefficients that are no larger count as zero, in units of 2^m times the largest bias."""


class BinaryEncoding:
    """Binary form of a DQM.

    Args:
        tables: The DQM as dense arrays.
        penalty: P. None takes the sufficient penalty, which is proven to keep the ground state.

    Attributes:
        tables: The DQM as dense arrays.
        penalty: P, the least energy that a wrong product adds.
        bqm: The encoded model over binary variables 0..B-1: of every variable in turn the code
            bits, the one that counts least first, and the auxiliary bits. The energy of a valid
            assignment equals the DQM's.
    """

    def __init__(self, tables: DenseDQM, penalty: float | None = None) -> None:
        self.tables = tables
        self._choose_bits()
        linear, quadratic, offset = self._rest()
        if penalty is None:
            penalty = self._sufficient_penalty(linear, quadratic)
        self.penalty = penalty
        product, left, right = self._products.T
        linear[product] += 3.0 * penalty
        quadratic[np.minimum(left, right), np.maximum(left, right)] += penalty
        quadratic[left, product] -= 2.0 * penalty
        quadratic[right, product] -= 2.0 * penalty
        self.bqm = dense_bqm(linear, quadratic, offset)

    def _choose_bits(self) -> None:
        """The code of every variable, its monomials, and the factors of those that are products."""
        tables = self.tables
        biases = np.column_stack([tables.linear, tables.quadratic])
        scale = float(np.abs(biases).max(initial=0.0))
        bounds = list(itertools.pairwise(tables.starts.tolist()))
        codes = [_choose_code(biases[start:stop], scale) for start, stop in bounds]
        nothing = np.empty(0, dtype=np.intp)
        self._monomial = np.concatenate([nothing, *(code.monomials for code in codes)])
        self._block = np.repeat(np.arange(len(codes)), [len(code.monomials) for code in codes])
        self._case_of_code = np.concatenate([nothing, *(code.case_of_code for code in codes)])
        self._code_of_case = np.concatenate([nothing, *(code.code_of_case for code in codes)])
        self._code_starts = np.cumsum([0, *(len(code.case_of_code) for code in codes)])[:-1]
        transform = np.zeros((len(tables.linear), len(self._monomial)))
        products: list[tuple[int, int, int]] = []
        first = 0
        for (start, stop), code in zip(bounds, codes, strict=True):
            number = {monomial: first + k for k, monomial in enumerate(code.monomials.tolist())}
            transform[start:stop, first : first + len(number)] = code.transform
            for monomial in filter(_is_product, number):
                rest, bit = _factors(monomial, number)
                products.append((number[monomial], number[rest], number[bit]))
            first += len(number)
        self._transform = csr_array(transform)
        self._products = np.array(products, dtype=np.intp).reshape(-1, 3)

    def _rest(self) -> tuple[FloatArray, FloatArray, float]:
        """The energy without penalties as a function of y: linear, quadratic, offset."""
        tables = self.tables
        first = tables.starts[:-1]
        at_first = tables.quadratic[:, first].sum(axis=1)
        to_bits = self._transform.T
        linear: FloatArray = to_bits @ (tables.linear + at_first)
        quadratic: FloatArray = np.asarray(to_bits @ (to_bits @ tables.quadratic).T)
        offset = tables.offset + float((tables.linear + 0.5 * at_first)[first].sum())
        return linear, quadratic, offset

    def _sufficient_penalty(self, linear: FloatArray, quadratic: FloatArray) -> float:
        """A penalty under which an invalid assignment is above the valid one of its code bits.

        Take a wrong product. Setting its bit right, and then those of the products that it is a
        factor of, directly or not, makes all of them right and leaves the others as they were: the
        penalties fall by P at least. The rest is linear in these bits, as bits of one variable have
        no coupling in it, and turning bit r on or off raises it by at most

            max(g_r + sum of the positive K_rs, -g_r - sum of the negative K_rs),

        g and K being the rest's linear and quadratic biases, whatever the bits of the other
        variables. A P above the sum of these, for all products, makes the change an improvement;
        such changes end at the valid assignment with the same code bits.
        """
        on = linear + np.maximum(quadratic, 0.0).sum(axis=1)
        off = np.maximum(-quadratic, 0.0).sum(axis=1) - linear
        rise = np.maximum(np.maximum(on, off), 0.0)
        # Factors have smaller numbers than their product; the second one is a code bit.
        for product, factor, _ in self._products[::-1].tolist():
            rise[factor] += rise[product]
        sufficient = float(rise[self._products[:, 0]].max(initial=0.0))
        return sufficient * (1.0 + 1e-6) + 1e-9

    def encode(self, cases: IntArray) -> NDArray[np.int8]:
        """Bits of configurations, shape (q, d) -> (q, B); of codes that mean the same the least."""
        return self._bits(self._code_of_case[cases + self.tables.starts[:-1]])

    def _bits(self, codes: IntArray) -> NDArray[np.int8]:
        """The monomials at codes, shape (q, d) -> (q, B)."""
        whole = (codes[:, self._block] & self._monomial) == self._monomial
        bits: NDArray[np.int8] = whole.astype(np.int8)
        return bits

    def _codes(self, samples: NDArray[np.int8]) -> IntArray:
        """What the code bits of samples spell, shape (q, B) -> (q, d)."""
        counts = np.zeros((samples.shape[1], self.tables.n_variables), dtype=np.intp)
        single = np.flatnonzero(self._monomial & (self._monomial - 1) == 0)
        counts[single, self._block[single]] = self._monomial[single]
        codes: IntArray = samples @ counts
        return codes

    def is_valid(self, samples: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Which samples have auxiliary bits equal to their products, shape (q, B) -> (q,)."""
        valid: NDArray[np.bool_] = (self._bits(self._codes(samples)) == samples).all(axis=1)
        return valid

    def decode(self, samples: NDArray[np.int8]) -> IntArray:
        """Cases of binary samples, which the code bits say alone.

        Args:
            samples: Shape (q, B), columns in the order 0..B-1.

        Returns:
            Case indices within each variable, shape (q, d).
        """
        cases: IntArray = self._case_of_code[self._codes(samples) + self._code_starts]
        return cases


@dataclass(frozen=True)
class _Code:
    """How the bits of one variable say its case.

    Attributes:
        case_of_code: Shape (2^m,).
        monomials: Those that become bits: the code bits, then products, in ascending order.
        transform: The variable's block of A, shape (L, monomials).
    """

    case_of_code: IntArray
    monomials: IntArray
    transform: FloatArray

    @property
    def code_of_case(self) -> IntArray:
        """The lowest code of every case, shape (L,)."""
        return np.unique(self.case_of_code, return_index=True)[1]


def _choose_code(biases: FloatArray, scale: float) -> _Code:
    """The code with the fewest monomials.

    Args:
        biases: Everything that depends on the case of the variable, shape (L, any).
        scale: The largest bias of the model.
    """
    codes = [_code(case_of_code, biases, scale) for case_of_code in _possible_codes(len(biases))]
    return min(codes, key=lambda code: len(code.monomials))


def _possible_codes(n_cases: int) -> list[IntArray]:
    """Ways to give codes cases, shape (2^m,) each: one if L = 2^m, and two otherwise.

    The highest bit adds the same number to what the others spell, so that tables linear in the
    number of the case are linear in the bits; or it adds that number only where the sum is a case
    that the others cannot spell, so that as few monomials as cases can occur.
    """
    if n_cases == 1:
        return [np.zeros(1, dtype=np.intp)]
    half = 1 << ((n_cases - 1).bit_length() - 1)
    low = np.arange(half)
    high = low + (n_cases - half)
    added = np.concatenate([low, high])
    if len(added) == n_cases:
        return [added]
    return [added, np.concatenate([low, np.where(high >= half, high, low)])]


def _code(case_of_code: IntArray, biases: FloatArray, scale: float) -> _Code:
    """The monomials that a code takes: those that a bias depends on, and their factors."""
    n_codes, n_cases = len(case_of_code), len(biases)
    width = n_codes.bit_length() - 1
    transform = np.eye(n_cases)[case_of_code]
    for bit in range(width):
        halves = transform.reshape(-1, 2, 1 << bit, n_cases)
        halves[:, 1] -= halves[:, 0]
    occurs = np.abs(transform @ biases).max(axis=1) > _VANISHING * scale * n_codes
    needed = {1 << bit for bit in range(width)}
    needed.update(monomial for monomial in np.flatnonzero(occurs).tolist() if monomial)
    for monomial in range(n_codes - 1, 0, -1):
        if monomial in needed and _is_product(monomial):
            needed.add(_factors(monomial, needed)[0])
    monomials = np.array(sorted(needed, key=lambda s: (_is_product(s), s)), dtype=np.intp)
    return _Code(case_of_code, monomials, transform[monomials].T)


def _factors(monomial: int, known: Container[int]) -> tuple[int, int]:
    """A monomial as a smaller one, of the known if possible, times its other bit."""
    bits = [1 << b for b in range(monomial.bit_length()) if monomial >> b & 1]
    bit = next((bit for bit in reversed(bits) if monomial ^ bit in known), bits[-1])
    return monomial ^ bit, bit


def _is_product(monomial: int) -> bool:
    """Whether a monomial has two code bits or more."""
    return monomial & (monomial - 1) != 0
