"""secp256k1 a second time, in plain affine arithmetic from SEC 2: slow, and shares no code with ``scheme.umbral``."""

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)

Affine = tuple[int, int] | None


def add(a: Affine, b: Affine) -> Affine:
    if a is None or b is None:
        return a or b
    (x1, y1), (x2, y2) = a, b
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    slope = 3 * x1 * x1 * pow(2 * y1, -1, P) if a == b else (y2 - y1) * pow(x2 - x1, -1, P)
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P


def multiply(scalar: int, point: Affine) -> Affine:
    total: Affine = None
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point = add(point, point)
        scalar >>= 1
    return total


def decode(data: bytes) -> Affine:
    assert len(data) == 33
    assert data[0] in {2, 3}
    x = int.from_bytes(data[1:], "big")
    square = (x**3 + 7) % P
    y = pow(square, (P + 1) // 4, P)
    assert y * y % P == square
    return x, (y if y % 2 == data[0] % 2 else P - y)


def encode(point: Affine) -> bytes:
    assert point is not None
    return bytes((2 + point[1] % 2,)) + point[0].to_bytes(32, "big")
