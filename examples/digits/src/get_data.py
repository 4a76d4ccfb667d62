"""Write the digits that come with scikit-learn as a table: 1,797 images of 8 x 8 pixels, and what they show.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.
"""

import csv
import sys

from sklearn.datasets import load_digits

digits = load_digits()
with open(sys.argv[1], "w", newline="") as file:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["digit", *digits.feature_names])
    for digit, pixels in zip(digits.target, digits.data.astype(int), strict=True):
        table.writerow([digit, *pixels])
