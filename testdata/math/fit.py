"""Fits the polynomials of src/tensor/math.rs. Made with numpy 2.4.6, mpmath 1.3.0.

Each polynomial is a near-minimax fit: Chebyshev interpolation in high precision, then Lawson's
reweighting, which makes the relative error equal everywhere. Run: python fit.py
"""
import mpmath as mp

mp.mp.dps = 40


def fit(f, low, high, degree, weight, rounds=40, points=400):
    """Coefficients (constant first) of the polynomial p with the smallest max |weight·(p − f)|."""
    xs = [(low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (k + mp.mpf(1) / 2) / points) for k in range(points)]
    ys = [f(x) for x in xs]
    ws = [weight(x) for x in xs]
    lawson = [mp.mpf(1)] * points
    best = None
    for _ in range(rounds):
        A = mp.matrix(points, degree + 1)
        b = mp.matrix(points, 1)
        for i, x in enumerate(xs):
            s = mp.sqrt(lawson[i]) * ws[i]
            p = mp.mpf(1)
            for j in range(degree + 1):
                A[i, j] = s * p
                p *= x
            b[i] = s * ys[i]
        AtA = A.T * A
        c = mp.lu_solve(AtA, A.T * b)
        errors = [abs(ws[i] * (mp.polyval(list(c)[::-1], x) - ys[i])) for i, x in enumerate(xs)]
        worst = max(errors)
        if best is None or worst < best[0]:
            best = (worst, list(c))
        total = sum(l * e for l, e in zip(lawson, errors))
        lawson = [l * e / total * points for l, e in zip(lawson, errors)]
    return best


def show(name, result):
    worst, c = result
    print(f"{name}: worst weighted error {mp.nstr(worst, 3)}")
    for x in c:
        print("   ", mp.nstr(x, 17))


T = mp.mpf
show("(exp(r) - 1 - r)/r², |r| <= ln2/2, degree 4", fit(lambda r: (mp.exp(r) - 1 - r) / (r * r), -mp.log(2) / 2 * T("1.01"), mp.log(2) / 2 * T("1.01"), 4, lambda r: r * r * mp.exp(-r), points=401 - 1))
show("(atanh(s)/s - 1)/s² of z = s², degree 3 (ln)", fit(lambda z: (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z if z > 0 else T(1) / 3, T("1e-8"), T("0.0295"), 3, lambda z: 1))
show("(tanh(x)/x - 1)/x² of z = x², |x| <= 0.7, degree 5", fit(lambda z: (mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, T("1e-8"), T("0.49"), 5, lambda z: z))
show("erf(x)/x of z = x², |x| <= 1, degree 6", fit(lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z), T("1e-8"), T(1), 6, lambda z: 1))
show("ln(erfc(t)) + t², 1 <= t <= 6, degree 9", fit(lambda t: mp.log(mp.erfc(t)) + t * t, T(1), T(6), 9, lambda t: 1))
