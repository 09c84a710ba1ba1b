# SPDX-License-Identifier: Apache-2.0
"""Writes prep_cases.h: what scikit-learn gives for the tables of test_prep_golden.c. Run once; needs scikit-learn >= 1.3."""
import datetime
import math
import random

import numpy as np
import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

random.seed(7)
out = []


def c_str(s):
    if s is None:
        return "NULL"
    parts = []
    for b in s.encode("utf-8"):
        parts.append(chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else "\\%03o" % b)
    return '"' + "".join(parts) + '"'


def array(kind, name, values, form):
    out.append("static const %s %s[] = {%s};" % (kind, name, ", ".join(form(v) for v in values) or "0"))


def num(v):
    return repr(float(v))


# ---- text
texts = [
    "The quick brown fox jumps over the lazy dog", "the DOG barks; the fox runs!", "", "Caf\u00e9 \u00c9TUDE na\u00efve caf\u00e9",
    "a b c I x1 x2 x_3", "re-do it, re-do it again... and again", "  leading\tand\n trailing  spaces  ", "42 is 42 and 4.2 is not",
    "\u041f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440 \u041c\u0418\u0420", "\u0391\u03b8\u03ae\u03bd\u03b1 \u039a\u0391\u039b\u0397 mera",
    "fox fox fox dog", "Stra\u00dfe und \u00d6l, \u017beby \u0141\u00f3d\u017a \u010cesk\u00fd", "dog!dog?dog", "of", "\u201cquoted\u201d \u2014 text \u20ac5 \u65e5\u672c\u8a9e",
]
array("char *const", "texts", texts, c_str)
cases = [("word", 1, 1, 1, 0, 100000), ("word", 1, 2, 2, 1, 100000), ("word", 1, 2, 1, 1, 100000), ("char_wb", 2, 5, 2, 1, 100000),
         ("char_wb", 3, 3, 1, 0, 100000), ("char_wb", 2, 5, 1, 1, 100000)]
rows = []
for i, (analyzer, low, high, min_df, sublinear, most) in enumerate(cases):
    v = TfidfVectorizer(analyzer=analyzer, ngram_range=(low, high), min_df=min_df, sublinear_tf=bool(sublinear))
    m = v.fit_transform(texts).tocsr()
    m.sort_indices()
    array("char *const", "tfidf_terms%d" % i, list(v.get_feature_names_out()), c_str)
    array("int", "tfidf_start%d" % i, m.indptr, str)
    array("int", "tfidf_index%d" % i, m.indices, str)
    array("double", "tfidf_value%d" % i, m.data, num)
    rows.append("{%s, %d, %d, %d, %d, %d, %d, tfidf_terms%d, tfidf_start%d, tfidf_index%d, tfidf_value%d}"
                % (c_str(analyzer), low, high, min_df, sublinear, most, m.shape[1], i, i, i, i))
out.append("""static const struct tfidf_case {
    const char *analyzer;
    int low, high, min_df, sublinear, max_features, n;
    const char *const *term;
    const int *start, *index;
    const double *value;
} tfidf_cases[] = {""" + ",\n    ".join(rows) + "};")

# ---- one-hot: levels of different counts, so that no tie decides
levels = ["red", "green", "blue", "b\u00e9ige", "Red", "black", "white"]
cells = [l for l, n in zip(levels, [9, 1, 14, 3, 2, 21, 5]) for _ in range(n)]
random.shuffle(cells)
array("char *const", "onehot_cells", cells, c_str)
rows = []
for i, (min_frequency, most) in enumerate([(1, 100), (2, 100), (4, 100), (1, 3), (3, 4), (6, 3), (100, 100)]):
    e = OneHotEncoder(min_frequency=min_frequency, max_categories=most, sparse_output=False)
    m = e.fit_transform(np.array(cells, dtype=object).reshape(-1, 1))
    names = [n.replace("x0_infrequent_sklearn", "colour=(rare)").replace("x0_", "colour=") for n in e.get_feature_names_out()]
    array("char *const", "onehot_names%d" % i, names, c_str)
    array("int", "onehot_at%d" % i, m.argmax(axis=1), str)
    rows.append("{%d, %d, %d, onehot_names%d, onehot_at%d}" % (min_frequency, most, len(names), i, i))
out.append("""static const struct onehot_case {
    int min_frequency, max_levels, n;
    const char *const *name;
    const int *at;
} onehot_cases[] = {""" + ", ".join(rows) + "};")

# ---- target encoding: what the final state gives
ys = {"binary": [random.randint(0, 1) for _ in cells], "multiclass": [random.randint(0, 2) for _ in cells],
      "continuous": [round(random.gauss(100, 30), 3) for _ in cells]}
rows = []
for i, (kind, y) in enumerate(ys.items()):
    array("double", "target_y%d" % i, y, num)
    for k, smooth in enumerate([10.0, 0.5, "auto"]):
        e = TargetEncoder(smooth=smooth, target_type=kind).fit(np.array(cells, dtype=object).reshape(-1, 1), y)
        enc = [list(v) for v in e.encodings_]  # [outputs][levels], levels sorted
        array("double", "target_value%d_%d" % (i, k), [v for o in enc for v in o], num)
        rows.append('{"%s", %r, %d, %d, target_y%d, target_value%d_%d}' % (kind, 0 if smooth == "auto" else smooth, len(enc), len(e.categories_[0]), i, i, k))
out.append("""static const struct target_case {
    const char *kind;
    double smoothing;
    int outputs, levels; /* scikit-learn gives a column to every class, in class order */
    const double *y, *value;
} target_cases[] = {""" + ", ".join(rows) + "};")

# ---- dates
utc = datetime.timezone.utc
moments = [datetime.datetime(*a, tzinfo=utc) for a in [
    (1970, 1, 1), (1969, 12, 31, 23, 59, 59), (2000, 2, 29, 12, 30), (1900, 3, 1, 1, 1), (2024, 12, 31, 6), (2023, 12, 31, 18, 45, 30),
    (1600, 2, 29), (2100, 2, 28, 23, 59), (1, 1, 1), (9999, 12, 31, 23, 59), (2026, 7, 4, 9, 7, 5)]]
epoch = datetime.datetime(1970, 1, 1, tzinfo=utc)
rows = []
for m in moments:
    t = (m - epoch).total_seconds()
    second = m.hour * 3600 + m.minute * 60 + m.second
    yday = m.timetuple().tm_yday
    days = 366 if (m.year % 4 == 0 and m.year % 100 != 0) or m.year % 400 == 0 else 365
    turn = 2 * math.pi
    values = [t / 86400, m.year, m.month, m.day, m.weekday(), yday, m.hour, m.minute, math.sin(turn * second / 86400), math.cos(turn * second / 86400),
              math.sin(turn * m.weekday() / 7), math.cos(turn * m.weekday() / 7), math.sin(turn * (yday - 1) / days), math.cos(turn * (yday - 1) / days)]
    rows.append("{%s, {%s}}" % (num(t), ", ".join(num(v) for v in values)))
out.append("static const struct date_case {\n    double t, part[14];\n} date_cases[] = {" + ",\n    ".join(rows) + "};")

print("/* SPDX-License-Identifier: Apache-2.0 */")
print("/* Written by tests/conformance/make_prep.py with scikit-learn %s; do not edit. */" % sklearn.__version__)
print("/* clang-format off */")
print("\n".join(out))
