"""What two texts share at their beginning or end."""

__all__ = ["common_prefix", "common_suffix"]


def common_prefix(first: str, second: str) -> str:
    """The longest text that both begin with, found by halving."""
    low, high = 0, min(len(first), len(second))
    if first[:high] == second[:high]:
        return first[:high]
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return first[:low]


def common_suffix(first: str, second: str) -> str:
    """The longest text that both end with."""
    size = len(common_prefix(first[::-1], second[::-1]))
    return first[len(first) - size :]
