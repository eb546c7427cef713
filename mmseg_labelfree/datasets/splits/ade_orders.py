"""Class orders of ADE20K in the tables of MiB and of the papers after it.

Facts of ``tasks.py`` in the authors' code (fcdl94/MiB, commit 1c58983): the classes of
its tasks 100-50b, 100-10b and 50b, and of the c tasks. Order a is that of the dataset.
The published figures are means over a and b. The file ``data/ade/order-b.txt`` of that
code is, despite its name, the order of the c tasks.
"""

__all__ = ['ADE_ORDERS']

#: Label numbers in the mask files, 1 to 150. The three step sizes cut the same order:
#: the first two paragraphs are two steps of 50 or one of 100, each line after them is
#: a step of 10, and these together one of 50. A step is a set, written ascending.
ADE_ORDERS = {
    order: tuple(int(label) for label in text.split())
    for order, text in {
        'b': """
    1 9 14 18 22 24 25 27 28 29 32 38 42 45 46 47 48 49 54 56 58 61 62 63 69 74 75
    76 77 81 82 84 90 93 96 100 103 104 109 117 119 121 123 128 129 130 134 135 136
    144

    3 5 6 8 10 12 13 19 21 23 26 31 33 34 36 39 40 43 44 53 55 57 60 70 71 80 86 87
    91 95 99 101 105 106 107 113 116 120 125 126 131 132 133 140 142 143 147 148 149
    150

    11 16 50 64 66 73 89 92 145 146
    30 37 51 52 72 85 98 114 115 138
    2 35 65 97 110 111 112 118 124 141
    4 7 15 41 67 78 79 88 108 139
    17 20 59 68 83 94 102 122 127 137
""",
        'c': """
    5 10 11 12 13 16 17 19 20 23 27 28 30 31 32 33 37 43 46 52 56 57 65 66 69 70 74
    76 77 79 82 83 86 87 105 109 110 111 119 128 129 132 133 134 138 142 143 144 146
    147

    1 6 8 9 14 24 25 26 29 34 35 36 40 41 44 45 48 50 54 61 63 67 68 71 78 81 84 85
    90 94 95 96 97 98 99 102 106 112 114 115 118 120 121 123 124 126 135 136 139 149

    3 4 7 18 39 64 73 101 113 137
    47 51 55 60 62 80 116 127 140 148
    22 42 49 58 59 89 91 92 108 125
    2 38 53 100 104 117 130 131 141 145
    15 21 72 75 88 93 103 107 122 150
""",
    }.items()
}
