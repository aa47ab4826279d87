import numpy as np

from core.diagnosis.lab.inputs import rounded


def test_rounding_and_narrowing() -> None:
    values = np.array([[0.123456789, 103_834.61]])
    assert rounded(values, None, 2).tolist() == [[0.12, 103_834.61]]
    assert rounded(values, "float32", None)[0, 1] == float(np.float32(103_834.61))
    assert rounded(values, None, None) is values
