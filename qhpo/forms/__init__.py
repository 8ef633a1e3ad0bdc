"""What must hold, over numbered values: as arrays, as a quadratic penalty, as rows of a program.

Constraints are compiled to these forms. The forms know nothing of names and values: what a
constraint says is tabulated once, over the values that occur, and all that follows is lookup.

Glossary
--------
d, D, C
    Axes; levels of all axes together; cases, that is all known values of all axes and a last slot
    on each for "inactive".
place
    Number of a value on its axis, the levels first; -1 where the axis is inactive.
column
    Number of a level over all axes, from 0 to D - 1: one change of one axis.
case
    Number of a value over all axes, from 0 to C - 1.
"""
