"""Clusters of a signed graph: greedy additive edge contraction (Keuper et al., ICCV 2015, algorithm 1).

The two nodes with the largest weight between them become one, whose weights to all others are the sums of theirs; until
no weight is positive. Weights that are log-odds add up as independent evidence does, so that one wrong pair of masks is
outvoted by all the others.
"""

import numpy as np


def contract(weights: np.ndarray) -> np.ndarray:
    """(M,) number of each node's cluster, 1, 2, ... in the order of their first nodes.

    weights: (M, M), symmetric; the diagonal counts for nothing. Time M^2 for typical graphs, memory one copy.
    """
    graph = weights.copy()
    np.fill_diagonal(graph, -np.inf)
    count = len(graph)
    cluster = np.arange(count)
    best = graph.argmax(axis=1) if count else np.empty(0, np.intp)
    value = graph[np.arange(count), best]
    while count and value.max() > 0:
        i = int(value.argmax())
        i, j = sorted((i, int(best[i])))
        cluster[cluster == j] = i
        graph[i] += graph[j]
        graph[:, i] = graph[i]
        graph[j] = graph[:, j] = value[j] = -np.inf
        graph[i, i] = -np.inf
        stale = np.isin(best, (i, j)) & (value > -np.inf)
        stale[i] = True
        best[stale] = graph[stale].argmax(axis=1)
        value[stale] = graph[stale, best[stale]]
        better = graph[i] > value
        best[better], value[better] = i, graph[i, better]
    return np.unique(cluster, return_inverse=True)[1] + 1
